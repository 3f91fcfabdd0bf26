"""What every answer tells a browser: take it for nothing but what it says it is, run nothing of it, give it to nobody.

Reference: https://owasp.org/www-project-secure-headers/. To insist on TLS (HSTS) is up to the proxy, which has it.
"""

from flask import Flask, Response

HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),  # which a page that CORS lets in passes by
    ("Cache-Control", "no-store"),
)
"""Of every answer; a page replaces the first by its own, a file the last."""

PAGE_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Of a page beside those: no other window holds on to it, and it asks for nothing. A photo is taken by a file field."""


def protect(app: Flask) -> None:
    """Give every answer of an application the headers that it does not set itself."""

    def add(response: Response) -> Response:
        for name, value in HEADERS:
            response.headers.setdefault(name, value)
        return response

    app.after_request(add)
