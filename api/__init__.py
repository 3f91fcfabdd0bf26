"""The HTTP interface: reads a request, calls one public method of `core`, builds the response, and nothing else.

Layer rule: `api` may import `core` and `model`; it never imports `app` or `config`, whose values it receives. One noun
a file, the same in URL, file and class.
"""
