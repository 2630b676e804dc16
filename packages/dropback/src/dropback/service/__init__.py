"""The service: scores, rankings and live plays over HTTP and WebSocket, and the page.

Nothing is imported here: making an API key need not wait for the networks.
"""
