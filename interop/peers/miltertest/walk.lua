-- Shows a filter one message and prints what it answers: a line "STAGE CODE" for each reply, the last one the verdict
-- that ended the message, and "STAGE declined" for a command that the filter does not want. -D addr=SOCKET
local conn = mt.connect(addr)
if conn == nil then
    error("cannot connect to " .. addr)
end

-- Sends the command of a stage and prints the reply; whether the message goes on.
local function goes_on(stage, send)
    local is_sent, failure = pcall(send)
    if not is_sent and string.find(failure, "negotiated SMFIP_NO") then
        mt.echo(stage .. " declined")
        return true
    end
    if failure ~= nil then
        error(stage .. ": " .. failure)
    end
    local code = string.char(mt.getreply(conn))
    mt.echo(stage .. " " .. code)
    return code == "c"
end

local function converse()
    if mt.negotiate(conn, nil, nil, nil) ~= nil then
        error("no negotiation")
    end
    local stages = {
        { "connect", function() return mt.conninfo(conn, "client.example.org", "192.0.2.7") end },
        { "helo", function() return mt.helo(conn, "client.example.org") end },
        { "unknown", function() return mt.unknown(conn, "FROB") end },
        { "mail", function()
            mt.macro(conn, SMFIC_MAIL, "i", "QUEUEID")
            return mt.mailfrom(conn, "<sender@example.org>", "SIZE=100")
        end },
        { "rcpt", function() return mt.rcptto(conn, "<recipient@example.org>") end },
        { "data", function() return mt.data(conn) end },
        { "header", function() return mt.header(conn, "Subject", "from miltertest") end },
        { "header", function() return mt.header(conn, "X-Old", "old") end },
        { "eoh", function() return mt.eoh(conn) end },
        { "body", function() return mt.bodystring(conn, "Hello.\r\n") end },
        { "body", function() return mt.bodystring(conn, string.rep("0123456789abcd\r\n", 4000)) end },
        { "eom", function() return mt.eom(conn) end },
    }
    for _, each in ipairs(stages) do
        if not goes_on(each[1], each[2]) and each[1] ~= "unknown" then
            return
        end
    end
end

converse()

-- What the filter wanted changed; meaningless before the end of the message.
local checks = {
    { "adds X-New: new", MT_HDRADD, "X-New", "new" },
    { "adds X-New: other", MT_HDRADD, "X-New", "other" },
    { "inserts X-Top: top at 0", MT_HDRINSERT, "X-Top", "top", 0 },
    { "changes X-Old to newer", MT_HDRCHANGE, "X-Old", "newer" },
    { "deletes X-Old", MT_HDRDELETE, "X-Old" },
    { "adds <new@example.org>", MT_RCPTADD, "<new@example.org>" },
    { "removes <recipient@example.org>", MT_RCPTDELETE, "<recipient@example.org>" },
    { "replaces the body", MT_BODYCHANGE, "new body\r\n" },
    { "quarantines: held", MT_QUARANTINE, "held" },
    { "replies 554 5.7.1 not today", MT_SMTPREPLY, "554", "5.7.1", "not today" },
}
for _, check in ipairs(checks) do
    if mt.eom_check(conn, table.unpack(check, 2)) then
        mt.echo(check[1])
    end
end
mt.disconnect(conn)
