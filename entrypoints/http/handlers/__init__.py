"""One function an endpoint: decode, call one service method, encode."""
