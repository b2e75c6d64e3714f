-- Shows a filter three messages on one connection, and prints what it answers. The first is aborted after its recipient.
-- -D addr=SOCKET
local conn = mt.connect(addr)
if conn == nil then
    error("cannot connect to " .. addr)
end

-- Sends a command and prints the reply; whether the message goes on. A command that the filter has declined is not sent.
local function goes_on(stage, send, ...)
    local is_sent, failure = pcall(send, conn, ...)
    if not is_sent and string.find(failure, "negotiated SMFIP_NO") then
        mt.echo(stage .. " declined")
        return true
    end
    if failure ~= nil then
        error(stage .. ": " .. failure)
    end
    local code = string.char(mt.getreply(conn))
    mt.echo(stage .. " " .. code)
    return code == "c" or code == "s"
end

local function envelope(id, sender)
    mt.macro(conn, SMFIC_MAIL, "i", id, "{mail_addr}", sender)
    return goes_on("mail", mt.mailfrom, "<" .. sender .. ">")
        and goes_on("rcpt", mt.rcptto, "<recipient@example.org>")
end

local function content(headers, body)
    if not goes_on("data", mt.data) then
        return
    end
    for _, header in ipairs(headers) do
        if not goes_on("header", mt.header, header[1], header[2]) then
            return
        end
    end
    if not goes_on("eoh", mt.eoh) then
        return
    end
    for _, chunk in ipairs(body) do
        if not goes_on("body", mt.bodystring, chunk) then
            return
        end
    end
    goes_on("eom", mt.eom)
    for _, name in ipairs({ "DKIM-Signature", "Authentication-Results", "X-Added", "X-Virus-Status", "X-Spam-Level" }) do
        if mt.eom_check(conn, MT_HDRINSERT, name) or mt.eom_check(conn, MT_HDRADD, name) then
            mt.echo("adds " .. name)
        end
    end
end

local usual = {
    { "From", "Sender <sender@example.com>" },
    { "To", "recipient@example.org" },
    { "Date", "Wed, 04 Mar 2026 12:00:00 +0000" },
    { "Message-ID", "<letter@example.com>" },
    { "Subject", "from miltertest" },
}
local short, long = { "Hello.\r\n" }, {}
for number = 1, 5 do
    long[number] = string.rep("a line of the part " .. number .. "\r\n", 2000)
end

mt.negotiate(conn, nil, nil, nil)
mt.macro(conn, SMFIC_CONNECT, "j", "mta.example")
if goes_on("connect", mt.conninfo, "localhost", "127.0.0.1") and goes_on("helo", mt.helo, "client.example.org") then
    envelope("ABORTED", "sender@example.com")
    mt.abort(conn)
    if envelope("SHORT", "sender@example.com") then
        content(usual, short)
    end
    if envelope("LONG", "sender@example.com") then
        content(usual, long)
    end
end
mt.disconnect(conn)
