"""The benchmark against other model servers: `python -m benchmarks.servers --help`.

Each module does one step, and imports only from those before it:

    load, processes             one request, one run of wrk; one server as a tree of processes
    environments, commands      install a peer; how each server is started
    catalogue, serving          every server; one start of it, ready when it reads a sample right
    rounds, growth              all servers, round after round; our own against its load
    targets, results            what was wanted; what was found
    report, plots               docs/benchmark.md and its pictures
"""
