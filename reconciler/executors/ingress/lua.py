"""What HAProxy has no word for, as its own Lua: asking another server whether a request may pass, htpasswd files, and
bodies of requests whose length is not told.

A value only. crypt(3) hashes are HAProxy's own; those of Apache (`$apr1$`, `{SHA}`) are compared here, and what was
found right is kept in the worker's memory, as a digest, so that it is worked out once. A body that gets larger than it
may ends its request by an error of the script: no other answer of a filter does so in the middle of a body.

The filter (`BODIES`) is loaded for each thread of HAProxy by itself: one that all threads share makes many a version of
HAProxy, such as 2.6.12, crash when requests come side by side (haproxy/haproxy issue 2467).
"""

SCRIPT = r"""
local function first(values)
    if values == nil then return nil end
    return values[0] or values[1]
end

local NOT_SENT = {
    "host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "expect", "te",
    "accept-encoding", "keep-alive", "proxy-connection", "trailer",
}

core.register_action("auth_request", {"http-req"}, function(txn, method, names)
    txn:set_var("txn.auth_status", 500)
    local headers = txn.http:req_get_headers()
    local asked = txn:get_var("txn.scheme") .. "://" .. (txn:get_var("txn.host") or "") .. txn:get_var("txn.uri")
    for _, name in ipairs(NOT_SENT) do headers[name] = nil end
    for name in pairs(headers) do
        if name:sub(1, 1) == ":" then headers[name] = nil end
    end
    headers["x-original-url"] = {[0] = asked}
    headers["x-original-method"] = {[0] = txn.sf:method()}
    headers["x-sent-from"] = {[0] = "reconciler-ingress"}
    headers["x-auth-request-redirect"] = {[0] = txn:get_var("txn.uri")}
    local wanted = {url = txn:get_var("txn.auth_url"), headers = headers, timeout = 10000}
    local client = core.httpclient()
    local answer
    if method == "HEAD" then answer = client:head(wanted)
    elseif method == "POST" then answer = client:post(wanted)
    else answer = client:get(wanted) end
    local status = answer and answer.status or 0
    if status == 401 or status == 403 then
        txn:set_var("txn.auth_status", status)
    elseif status >= 200 and status < 300 then
        txn:set_var("txn.auth_status", 200)
    end
    local answered = answer and answer.headers or {}
    local cookie, challenge = first(answered["set-cookie"]), first(answered["www-authenticate"])
    if cookie then txn:set_var("txn.auth_cookie", cookie) end
    if challenge then txn:set_var("txn.auth_challenge", challenge) end
    if names == "-" then return end
    for name in names:gmatch("[^,]+") do
        txn.http:req_del_header(name)
        if status >= 200 and status < 300 and answered[name] then
            txn.http:req_set_header(name, first(answered[name]))
        end
    end
end, 2)

local LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

local function letters(number, count)
    local found = {}
    for _ = 1, count do
        local at = number % 64 + 1
        found[#found + 1] = LETTERS:sub(at, at)
        number = number // 64
    end
    return table.concat(found)
end

local function apr1(md5, password, salt)
    local inner = md5(password .. salt .. password)
    local text = {password, "$apr1$", salt}
    local left = #password
    while left > 0 do
        text[#text + 1] = inner:sub(1, math.min(16, left))
        left = left - 16
    end
    left = #password
    while left > 0 do
        text[#text + 1] = left % 2 == 1 and "\0" or password:sub(1, 1)
        left = left // 2
    end
    local digest = md5(table.concat(text))
    for turn = 0, 999 do
        local parts = {turn % 2 == 1 and password or digest}
        if turn % 3 ~= 0 then parts[#parts + 1] = salt end
        if turn % 7 ~= 0 then parts[#parts + 1] = password end
        parts[#parts + 1] = turn % 2 == 1 and digest or password
        digest = md5(table.concat(parts))
    end
    local found = {}
    for _, one in ipairs({{1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 16}, {5, 11, 6}}) do
        local a, b, c = digest:byte(one[1]), digest:byte(one[2]), digest:byte(one[3])
        found[#found + 1] = letters(a * 65536 + b * 256 + c, 4)
    end
    return table.concat(found) .. letters(digest:byte(12), 2)
end

local function is_right(txn, hash, password)
    local salt, digest = hash:match("^%$apr1%$([^$]*)%$(.+)$")
    if salt then
        return apr1(function(text) return txn.c:digest(text, "md5") end, password, salt) == digest
    end
    local sha = hash:match("^{SHA}(.+)$")
    if sha then return txn.c:base64(txn.c:digest(password, "sha1")) == sha end
    return false
end

local right = {}

core.register_fetches("htpasswd", function(txn, list)
    local header = txn.sf:req_hdr("authorization")
    local encoded = header and header:match("^[Bb][Aa][Ss][Ii][Cc] +(%S+)$")
    local plain = encoded and txn.c:b64dec(encoded)
    if not plain then return false end
    local user, password = plain:match("^([^:]*):(.*)$")
    local hash = user and reconciler_users[list] and reconciler_users[list][user]
    if not hash then return false end
    local key = list .. "\0" .. user
    local shown = txn.c:digest(key .. "\0" .. password, "sha256")
    if right[key] == shown then return true end
    if not is_right(txn, hash, password) then return false end
    right[key] = shown
    return true
end)
"""

BODIES = r"""
local Limit = {id = "body_limit", flags = filter.FLT_CFG_FL_HTX}
Limit.__index = Limit

function Limit:new()
    return setmetatable({left = self.limit}, Limit)
end

function Limit:http_headers(txn, message)
    if message.channel:is_resp() then return end
    local headers = message:get_headers()
    if headers["content-length"] then return end
    if headers["upgrade"] and not headers["transfer-encoding"] then return end
    filter.register_data_filter(self, message.channel)
end

function Limit:http_payload(txn, message)
    self.left = self.left - #(message:body() or "")
    if self.left < 0 then
        txn:set_var("txn.body_too_large", true)
        error("a request was refused: its body is larger than proxy-body-size", 0)
    end
end

core.register_filter("body_limit", Limit, function(limit, words)
    limit.limit = tonumber(words[1])
    return limit
end)
"""
