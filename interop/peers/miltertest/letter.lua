-- Asks a filter about one message, and tells what came of it: conformance/front.py reads that.
--     -D addr=SOCKET -D helo=NAME -D sender=ADDRESS -D recipients="ADDRESS ..." -D file=MESSAGE
-- Of the commands with macros, miltertest names only the first four.
local DATA, EOH, BODYEOB = string.byte("T"), string.byte("N"), string.byte("E")

mt.set_timeout(3)
local conn = mt.connect(addr)

-- What the filter says to a command: a letter. Not what miltertest says if it cannot send or read.
local function reply_to(failure)
    if failure ~= nil then
        error(failure)
    end
    return string.char(mt.getreply(conn))
end

-- The headers, each with its name and its value, and the body.
local function read(path)
    local content = assert(io.open(path, "rb")):read("a")
    local head, body = content:match("^(.-\r\n)\r\n(.*)$")
    local headers = {}
    for name, value in (head or content):gsub("\r\n([ \t])", "\n%1"):gmatch("([^\r\n:]+): ?([^\r]*)\r\n") do
        table.insert(headers, { name, value })
    end
    return headers, body or ""
end

-- Sends the message up to the first verdict on it. It is for the script not to send what the filter has declined.
local function converse(headers, body)
    local function says(declined, step, ...)
        return mt.test_option(conn, declined) and "c" or reply_to(step(conn, ...))
    end
    if reply_to(mt.negotiate(conn, nil, nil, nil)) ~= "O" then
        error("no negotiation")
    end
    mt.macro(conn, SMFIC_CONNECT, "j", "mta.example.org", "v", "interop")
    local reply = says(SMFIP_NOCONNECT, mt.conninfo, helo, "192.0.2.7")
    if reply == "c" then
        reply = says(SMFIP_NOHELO, mt.helo, helo)
    end
    if reply == "c" then
        mt.macro(conn, SMFIC_MAIL, "{mail_addr}", sender:match("^<?(.-)>?$"))
        reply = says(SMFIP_NOMAIL, mt.mailfrom, sender)
    end
    if reply == "c" then
        local taken = false
        for recipient in recipients:gmatch("%S+") do
            mt.macro(conn, SMFIC_RCPT, "{rcpt_addr}", recipient:match("^<?(.-)>?$"))
            reply = says(SMFIP_NORCPT, mt.rcptto, recipient)
            if reply == "a" or reply == "d" then
                return reply
            end
            taken = taken or reply == "c"
        end
        reply = taken and "c" or reply
    end
    if reply == "c" then
        mt.macro(conn, DATA, "i", "QUEUEID")
        reply = says(SMFIP_NODATA, mt.data)
    end
    for _, header in ipairs(headers) do
        if reply == "c" then
            reply = says(SMFIP_NOHDRS, mt.header, header[1], header[2])
        end
    end
    if reply == "c" then
        mt.macro(conn, EOH, "i", "QUEUEID")
        reply = says(SMFIP_NOEOH, mt.eoh)
    end
    for start = 1, #body, 65535 do
        if reply == "c" then
            reply = says(SMFIP_NOBODY, mt.bodystring, body:sub(start, start + 65534))
        end
    end
    if reply == "c" or reply == "s" then
        mt.macro(conn, BODYEOB, "i", "QUEUEID")
        reply = reply_to(mt.eom(conn))
    end
    return reply
end

local replies = { r = "550 5.7.1 refused", y = "550 5.7.1 refused", t = "451 4.7.1 try again later" }
local reply = converse(read(file))
mt.disconnect(conn)
if replies[reply] then
    mt.echo('{"outcome": "refused", "reply": "' .. replies[reply] .. '"}')
elseif reply == "c" or reply == "a" or reply == "d" then
    mt.echo('{"outcome": "accepted"}')
else
    error("no verdict: " .. reply)
end
