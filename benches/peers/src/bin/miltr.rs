//! A filter on miltr-server: `miltr PATH`.
//!
//! It cannot say ACCEPT, so it ends with CONTINUE; and it replies to every header.

use std::convert::Infallible;
use std::error::Error;

use async_trait::async_trait;
use milter_proto::wire::Edit;
use milter_proto_peers::server::{Arguments, edits};
use miltr_common::modifications::headers::{AddHeader, ChangeHeader};
use miltr_common::modifications::{ModificationAction, ModificationResponse};
use miltr_server::{Milter, Server};
use tokio::net::UnixListener;
use tokio_util::compat::TokioAsyncReadCompatExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = UnixListener::bind(Arguments::of_this_program().path)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let result = Server::default_postfix(&mut Filter).handle_connection(stream.compat()).await;
            result.unwrap_or_else(|error| eprintln!("{error}"));
        });
    }
}

struct Filter;

#[async_trait]
impl Milter for Filter {
    type Error = Infallible;

    async fn end_of_body(&mut self) -> Result<ModificationResponse, Infallible> {
        let mut response = ModificationResponse::builder();
        edits().iter().for_each(|edit| response.push(modification(edit)));
        Ok(response.contin())
    }

    async fn abort(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

fn modification(edit: &Edit<'_>) -> ModificationAction {
    match *edit {
        Edit::AddHeader { name, value } => AddHeader::new(name.as_bytes(), value.as_bytes()).into(),
        Edit::ChangeHeader { index, name, value } => {
            ChangeHeader::new(index, name.as_bytes(), value.as_bytes()).into()
        }
        _ => panic!("the script has no {edit:?}"),
    }
}
