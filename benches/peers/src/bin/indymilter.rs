//! A filter on indymilter: `indymilter PATH WORKLOAD`.

use std::future::pending;
use std::io;

use indymilter::{
    Actions, Callbacks, Config, Context, ContextActions, EomContext, NegotiateContext, ProtoOpts, Status,
};
use milter_proto::wire::{Edit, Text};
use milter_proto_peers::server::{Arguments, edits};
use milter_proto_peers::workload::Workload;
use tokio::net::UnixListener;

#[tokio::main]
async fn main() -> io::Result<()> {
    let Arguments { path, workload, .. } = Arguments::of_this_program();
    let is_silent = workload == Workload::ManyHeadersNoReply;
    let header = if is_silent { Status::Noreply } else { Status::Continue };
    let callbacks = Callbacks::new()
        .on_negotiate(move |cx, _, _| Box::pin(negotiate(cx, is_silent)))
        .on_connect(|cx, _, _| Box::pin(go_on(cx)))
        .on_helo(|cx, _| Box::pin(go_on(cx)))
        .on_mail(|cx, _| Box::pin(go_on(cx)))
        .on_rcpt(|cx, _| Box::pin(go_on(cx)))
        .on_data(|cx| Box::pin(go_on(cx)))
        .on_header(move |_, _, _| Box::pin(async move { header }))
        .on_eoh(|cx| Box::pin(go_on(cx)))
        .on_body(|cx, _| Box::pin(go_on(cx)))
        .on_eom(|cx| Box::pin(end_of_message(cx)));
    let config = Config { max_connections: 10_000, ..Config::default() };
    indymilter::run(UnixListener::bind(path)?, callbacks, config, pending::<()>()).await
}

async fn negotiate(cx: &mut NegotiateContext<()>, is_silent: bool) -> Status {
    cx.requested_actions = Actions::ADD_HEADER | Actions::CHANGE_HEADER;
    if is_silent {
        cx.requested_opts |= ProtoOpts::NOREPLY_HEADER;
    }
    Status::Continue
}

async fn go_on(_: &mut Context<()>) -> Status {
    Status::Continue
}

async fn end_of_message(cx: &mut EomContext<()>) -> Status {
    for edit in edits() {
        let result = match *edit {
            Edit::AddHeader { name, value } => cx.actions.add_header(text(name), text(value)).await,
            Edit::ChangeHeader { index, name, value } => {
                let index = index.try_into().expect("a small index");
                cx.actions.change_header(text(name), index, Some(text(value))).await
            }
            _ => panic!("the script has no {edit:?}"),
        };
        result.expect("an edit that was agreed on");
    }
    Status::Accept
}

fn text(text: Text<'static>) -> &'static str {
    std::str::from_utf8(text.as_bytes()).expect("ASCII")
}
