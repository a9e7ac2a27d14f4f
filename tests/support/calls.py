"""Calls of servers on this machine, each on a connection of its own, without reading all certificates for each call."""

import httpx2 as httpx

_CLIENT = httpx.Client(verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))

get, post, put, delete = _CLIENT.get, _CLIENT.post, _CLIENT.put, _CLIENT.delete
