# Copyright (C) the Sallyport authors
#
# What LiteLLM's proxy asks about each request: who calls, and from where.

import hashlib
import json
import os
import time

import maxminddb
from fastapi import HTTPException
from litellm.proxy._types import UserAPIKeyAuth

with open(os.environ["BENCH_ACCOUNTS"]) as f:
    ACCOUNTS = json.load(f)

REFUSED = set(os.environ["BENCH_REFUSED"].split())
GEO = maxminddb.open_database(os.environ["BENCH_GEO"], maxminddb.MODE_AUTO)


async def user_api_key_auth(request, api_key):
    address = request.headers.get("x-forwarded-for", "")
    place = GEO.get(address) if address else None

    if place is None or place.get("country_code", "XX") in REFUSED:
        raise HTTPException(status_code=451, detail="country")

    key = api_key.removeprefix("Bearer ")
    account = ACCOUNTS.get(hashlib.sha256(key.encode()).hexdigest())

    if account is None:
        raise HTTPException(status_code=401, detail="unknown key")

    if (account["status"] != "verified" or account["screening"] != "clear"
            or account["expires"] < time.time()):
        raise HTTPException(status_code=403, detail="record")

    return UserAPIKeyAuth(api_key=key, user_id=account["id"])
