//! A filter on indymilter (tokio) that does what its rules say: scripts/rules.py has their form.

#[path = "../../scripts/rules.rs"]
mod rules;

use std::ffi::{CStr, CString};
use std::sync::LazyLock;

use indymilter::{
    ActionError, Actions, Callbacks, Config, Context, ContextActions, EomContext, Macros, NegotiateContext,
    ProtoOpts, SetErrorReply, SmtpReply, Status,
};
use rules::Call;
use tokio::net::UnixListener;

static ARGUMENTS: LazyLock<(String, Vec<String>)> = LazyLock::new(rules::from_command_line);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let callbacks = Callbacks::new()
        .on_negotiate(|cx, actions, steps| Box::pin(negotiate(cx, actions, steps)))
        .on_connect(|cx, host, _| Box::pin(judge(cx, "connect", host)))
        .on_helo(|cx, name| Box::pin(judge(cx, "helo", name)))
        .on_mail(|cx, mut words| Box::pin(judge(cx, "mail", words.swap_remove(0))))
        .on_rcpt(|cx, mut words| Box::pin(judge(cx, "rcpt", words.swap_remove(0))))
        .on_data(|cx| Box::pin(judge(cx, "data", CString::default())))
        .on_header(|cx, name, _| Box::pin(judge(cx, "header", name)))
        .on_eoh(|cx| Box::pin(judge(cx, "eoh", CString::default())))
        .on_body(|cx, _| Box::pin(judge(cx, "body", CString::default())))
        .on_unknown(|cx, line| Box::pin(judge(cx, "unknown", line)))
        .on_eom(|cx| Box::pin(end_of_message(cx)));
    let listener = UnixListener::bind(&ARGUMENTS.0)?;
    indymilter::run(listener, callbacks, Config::default(), tokio::signal::ctrl_c()).await
}

async fn negotiate(cx: &mut NegotiateContext<()>, actions: Actions, steps: ProtoOpts) -> Status {
    cx.requested_actions = actions;
    cx.requested_opts =
        (ProtoOpts::SKIP | ProtoOpts::from_bits_truncate(rules::asked_steps(&ARGUMENTS.1))) & steps;
    for call in rules::of(&ARGUMENTS.1, "negotiate", "").0.iter().filter(|call| call[0] == "symlist") {
        let stage = call[1].parse::<i32>().expect("a number").try_into().expect("a stage");
        cx.requested_macros.insert(stage, text(&call[2]));
    }
    Status::Continue
}

async fn judge(cx: &mut Context<()>, stage: &str, about: CString) -> Status {
    let verdict = rules::of(&ARGUMENTS.1, stage, &about.to_string_lossy()).1;
    status(verdict, &mut cx.reply)
}

async fn end_of_message(cx: &mut EomContext<()>) -> Status {
    let (edits, verdict) = rules::of(&ARGUMENTS.1, "eom", "");
    for call in edits {
        edit(cx, &call).await.expect("an edit that was negotiated");
    }
    status(verdict, &mut cx.reply)
}

async fn edit(cx: &EomContext<()>, call: &Call) -> Result<(), ActionError> {
    let actions = &cx.actions;
    let words: Vec<&str> = call.iter().map(String::as_str).collect();
    match words[..] {
        ["addheader", name, value] => actions.add_header(name, value).await,
        ["insheader", index, name, value] => actions.insert_header(number(index), name, value).await,
        ["chgheader", name, index, ""] => actions.change_header(name, number(index), None::<&str>).await,
        ["chgheader", name, index, value] => actions.change_header(name, number(index), Some(value)).await,
        ["chgfrom", address] => actions.change_sender(address, None::<&str>).await,
        ["chgfrom", address, words] => actions.change_sender(address, Some(words)).await,
        ["addrcpt", address] => actions.add_recipient(address).await,
        ["addrcpt_par", address, words] => actions.add_recipient_ext(address, Some(words)).await,
        ["delrcpt", address] => actions.delete_recipient(address).await,
        ["replacebody", body] => actions.replace_body(body.as_bytes()).await,
        ["quarantine", reason] => actions.quarantine(reason).await,
        ["progress"] => actions.progress().await,
        ["symval", header, name] => actions.add_header(header, symval(&cx.macros, name)).await,
        _ => panic!("no call {call:?}"),
    }
}

fn status(verdict: Option<Call>, reply: &mut SmtpReply) -> Status {
    let Some(call) = verdict else { return Status::Continue };
    match call[0].as_str() {
        "accept" => Status::Accept,
        "reject" => Status::Reject,
        "tempfail" => Status::Tempfail,
        "discard" => Status::Discard,
        "skip" => Status::Skip,
        "setreply" => {
            reply.set_error_reply(&call[1], Some(&call[2]), [call[3].as_str()]).expect("a reply");
            if call[1].starts_with('4') {
                Status::Tempfail
            } else {
                Status::Reject
            }
        }
        _ => Status::Continue,
    }
}

fn symval(macros: &Macros, name: &str) -> CString {
    macros.get(&text(name)).map_or_else(|| text("(none)"), CStr::to_owned)
}

fn number(word: &str) -> i32 {
    word.parse().expect("a number")
}

fn text(word: &str) -> CString {
    CString::new(word).expect("no NUL")
}
