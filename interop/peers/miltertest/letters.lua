-- Shows a filter three messages on one connection, and prints what it answers. The first is aborted after its recipient.
-- -D addr=SOCKET
local conn = mt.connect(addr)
if conn == nil then
    error("cannot connect to " .. addr)
end

-- Prints the reply to a stage; whether the message goes on.
local function goes_on(stage, failure)
    if failure ~= nil then
        error(stage .. ": " .. failure)
    end
    local code = string.char(mt.getreply(conn))
    mt.echo(stage .. " " .. code)
    return code == "c" or code == "s"
end

local function envelope(id, sender)
    mt.macro(conn, SMFIC_MAIL, "i", id, "{mail_addr}", sender)
    return goes_on("mail", mt.mailfrom(conn, "<" .. sender .. ">"))
        and goes_on("rcpt", mt.rcptto(conn, "<recipient@example.org>"))
end

local function content(headers, body)
    for _, header in ipairs(headers) do
        if not goes_on("header", mt.header(conn, header[1], header[2])) then
            return
        end
    end
    if not goes_on("eoh", mt.eoh(conn)) then
        return
    end
    for _, chunk in ipairs(body) do
        if not goes_on("body", mt.bodystring(conn, chunk)) then
            return
        end
    end
    goes_on("eom", mt.eom(conn))
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

if goes_on("connect", mt.conninfo(conn, "client.example.org", "192.0.2.7"))
    and goes_on("helo", mt.helo(conn, "client.example.org")) then
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
