//! A mail server in one file: it asks filters about one message, and prints the message as it would be delivered.
//! Run `cargo run --example minimal_mta -- message.eml 127.0.0.1:8892`, with an address for each filter.
use std::io::{Read, Write, stdout};
use std::{env, fs, net::TcpStream};

use milter_proto::Timeouts;
use milter_proto::message::{Chain, ChainFilter, ChainStep, EditRules, Message, with_crlf};
use milter_proto::wire::{Command, Offer, Peer, Text, TextList};

type Done = Result<(), Box<dyn core::error::Error>>;

fn main() -> Done {
    let path = env::args().nth(1).ok_or("give a file, and the addresses of filters")?;
    let file = fs::read(path)?;
    let streams = env::args().skip(2).map(TcpStream::connect).collect::<Result<Vec<_>, _>>()?;
    let mut chain = Chain::new(EditRules::POSTFIX);
    chain.extend(streams.iter().map(|_| ChainFilter::new()));
    let delivered = deliver(Message::parse(with_crlf(&file)), &mut chain, &streams);
    chain.send(Command::Quit)?;
    ask(&mut chain, &streams).and(delivered)
}

/// Asks the filters about each step, and prints the message if none objects.
fn deliver<'m>(mut message: Message<'m>, chain: &mut Chain<'m>, streams: &[TcpStream]) -> Done {
    let [host, client] = [c"localhost", c"127.0.0.1"].map(Text::from_c_str);
    let [from, to] = [c"<from@example.org>", c"<to@example.org>"].map(Text::from_c_str);
    for command in [
        Command::Negotiate(Offer::FULL),
        Command::Connect { host, peer: Peer::Inet { port: 25, address: client } },
        Command::Helo { name: host },
        Command::MailFrom { address: from, arguments: TextList::EMPTY },
        Command::RcptTo { address: to, arguments: TextList::EMPTY },
        Command::Data,
    ] {
        chain.send(command)?;
        ask(chain, streams)?;
    }
    message.set_sender(from);
    message.add_recipient(to);
    chain.send_message(message)?;
    ask(chain, streams)?;
    let message = chain.take_message().ok_or("there is no message")?;
    message.recipients().for_each(|recipient| println!("to {:?}", recipient.address()));
    Ok(stdout().write_all(&message.to_bytes())?)
}

/// Does what the chain says, until it has the answer: an error unless all filters let it pass.
fn ask(chain: &mut Chain<'_>, streams: &[TcpStream]) -> Done {
    let mut buffer = [0; 16_384];
    let stream = |filter: usize| streams.get(filter).ok_or("there is no such filter");
    loop {
        match chain.next_step() {
            ChainStep::Done(answer) if answer.passes() => return Ok(()),
            ChainStep::Done(answer) => return Err(format!("refused: {answer:?}").into()),
            ChainStep::Write { filter, frame } => {
                let bytes = frame.segments().collect::<Vec<_>>().concat();
                stream(filter)?.write_all(&bytes).unwrap_or_else(|_| chain.fail(filter));
            }
            ChainStep::Read { filter, wait } => {
                stream(filter)?.set_read_timeout(Some(Timeouts::POSTFIX.of(wait)))?;
                match stream(filter)?.read(&mut buffer) {
                    Ok(count @ 1..) => chain.receive(filter, &mut buffer.get(..count).unwrap_or_default())?,
                    _ => chain.fail(filter),
                }
            }
            ChainStep::Close { .. } => {} // when the program ends
        }
    }
}
