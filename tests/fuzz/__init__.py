"""Pictures that try to break the service: bombs, polyglots, and mutations of every allowed format.

    bombs    the most expensive pictures that the limits admit, and some beyond them, made by code
    seeds    a small picture of each format and mode, to be mutated
    mutate   seeded mutations
    judge    what reading some bytes came to, and what it cost
    broken/  pictures that once broke something; the suite reads each, directly and through HTTP

`python -m tests.fuzz --help` runs it; `make fuzz` runs 100,000 cases.
"""
