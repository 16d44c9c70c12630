"""Tokens of identity providers (JSON Web Tokens, RFC 7519), by PyJWT."""
