-- /etc/haproxy/sekisho.lua: asks Sekisho about a request before HAProxy sends it to the application.

local ENDPOINT = "http://127.0.0.1:8080/.sekisho/auth/haproxy"
local MILLISECONDS = 10000

-- The question has no body and a connection of its own. HAProxy writes the fields that tell of the request itself.
local NOT_ASKED = {
    ["connection"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true, ["keep-alive"] = true,
    ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
    ["x-original-host"] = true, ["x-original-method"] = true, ["x-original-scheme"] = true, ["x-original-uri"] = true,
}
-- Fields of a yes that are about the answer. All others are for the application.
local OF_THE_ANSWER = {
    ["cache-control"] = true, ["connection"] = true, ["content-length"] = true, ["content-type"] = true,
    ["date"] = true, ["keep-alive"] = true, ["server"] = true, ["transfer-encoding"] = true, ["x-request-id"] = true,
}
-- Fields of a no that HAProxy writes itself.
local OF_THE_CONNECTION = {
    ["connection"] = true, ["content-length"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true,
}
-- An application must not use these: they would make a browser forget Sekisho's cookies, give a service worker a scope
-- that holds /.sekisho/, or have every page of the origin reported.
local NOT_FOR_BROWSERS = {"clear-site-data", "service-worker-allowed", "nel", "report-to"}

local function refuse(txn, status)
    local reply = txn:reply()
    reply:set_status(status)
    reply:add_header("cache-control", "no-store")
    txn:done(reply)
end

core.register_action("sekisho-check", {"http-req"}, function(txn)
    local asked = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not NOT_ASKED[name] then
            asked[name] = {}
            for index = 0, #values do
                asked[name][index + 1] = values[index]
            end
        end
    end
    for _, name in ipairs({"x-original-host", "x-original-method", "x-original-scheme", "x-original-uri"}) do
        txn.http:req_del_header(name)
    end
    local host = txn.sf:req_hdr("host")
    asked["host"] = {host}
    asked["x-original-host"] = {host}
    asked["x-original-method"] = {txn.sf:method()}
    asked["x-original-scheme"] = {"https"}
    asked["x-original-uri"] = {txn.sf:pathq()}

    local said = core.httpclient():get{url = ENDPOINT, headers = asked, timeout = MILLISECONDS}
    if not said or not said.status or said.status == 0 then
        return refuse(txn, 503)
    end
    if said.status ~= 200 then
        local reply = txn:reply()
        reply:set_status(said.status, said.reason)
        for name, values in pairs(said.headers) do
            if not OF_THE_CONNECTION[name] then
                for index = 0, #values do
                    reply:add_header(name, values[index])
                end
            end
        end
        reply:set_body(said.body or "")
        txn:done(reply)
        return
    end
    local cache = "private"
    for name, values in pairs(said.headers) do
        if name == "sekisho-cache" then
            cache = values[0]
        elseif not OF_THE_ANSWER[name] then
            -- Every header that the App can get is in a yes, empty if Sekisho does not tell the fact.
            txn.http:req_del_header(name)
            if values[0] ~= "" then
                txn.http:req_set_header(name, values[0])
            end
        end
    end
    txn.http:req_del_header("sekisho-cache")
    txn:set_var("txn.sekisho_cache", cache)
end)

core.register_action("sekisho-answer", {"http-res"}, function(txn)
    for _, name in ipairs(NOT_FOR_BROWSERS) do
        txn.http:res_del_header(name)
    end
    local headers = txn.http:res_get_headers()
    local cookies = headers["set-cookie"]
    if cookies then
        txn.http:res_del_header("set-cookie")
        for index = 0, #cookies do
            local name = cookies[index]:lower():match("^[%s\"'=,]*([^=;%s]*)")
            local own = name:gsub("^__host%-", ""):gsub("^__secure%-", "")
            if not (own:match("^sekisho$") or own:match("^sekisho[^a-z0-9]")) then
                txn.http:res_add_header("set-cookie", cookies[index])
            end
        end
    end
    if txn:get_var("txn.sekisho_cache") == "shared" then
        return
    end
    -- A page that is not open to everybody stays out of shared caches.
    local kept = {"private"}
    local said = headers["cache-control"]
    if said then
        for index = 0, #said do
            for directive in said[index]:gmatch("[^,]+") do
                directive = directive:match("^%s*(.-)%s*$")
                local word = directive:lower():match("^[^=%s]*")
                if word ~= "public" and word ~= "s-maxage" and word ~= "private" and directive ~= "" then
                    kept[#kept + 1] = directive
                end
            end
        end
    end
    txn.http:res_set_header("cache-control", table.concat(kept, ", "))
    txn.http:res_del_header("surrogate-control")
    txn.http:res_del_header("cdn-cache-control")
end)
