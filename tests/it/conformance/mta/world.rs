//! The wires between a run and an MTA in memory: what was sent and not read yet, and the driver of the run.

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;
use std::rc::Rc;

use milter_proto::conformance::mta::Profile;
use milter_proto::conformance::{
    Action, ClientAction, Delivery, Event, Input, MtaRun, Outcome, Patience, Scenario,
};

use super::fault::Fault;
use super::server::serve;

/// What an MTA has done, for the run to see.
#[derive(Debug)]
pub(super) enum Happening {
    Accepted,
    Received(Vec<u8>),
    Closed,
    Reply(String),
    SmtpClosed,
    Delivered { sender: String, recipients: Vec<String>, content: Vec<u8> },
}

#[derive(Debug, Default)]
struct Wires {
    happenings: VecDeque<Happening>,
    from_filter: Vec<u8>,
    filter_has_closed: bool,
    /// The MTA has waited too long.
    is_late: bool,
    from_client: VecDeque<u8>,
    client_has_left: bool,
}

/// The MTA's ends of the wires.
#[derive(Clone, Debug, Default)]
pub(super) struct World(Rc<RefCell<Wires>>);

impl World {
    pub(super) fn happens(&self, happening: Happening) {
        self.0.borrow_mut().happenings.push_back(happening);
    }

    pub(super) fn connect(&self) {
        let mut wires = self.0.borrow_mut();
        (wires.from_filter, wires.filter_has_closed, wires.is_late) = (Vec::new(), false, false);
        wires.happenings.push_back(Happening::Accepted);
    }

    /// What the filter has sent; `None`: it has closed, or takes too long.
    pub(super) async fn read_filter(&self) -> Option<Vec<u8>> {
        poll_fn(|_| {
            let mut wires = self.0.borrow_mut();
            if !wires.from_filter.is_empty() {
                return Poll::Ready(Some(core::mem::take(&mut wires.from_filter)));
            }
            if wires.filter_has_closed || core::mem::take(&mut wires.is_late) {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    /// What the filter has sent although nobody waits for it.
    pub(super) fn stray_bytes(&self) -> Vec<u8> {
        core::mem::take(&mut self.0.borrow_mut().from_filter)
    }

    /// A line of the client, without its end; `None`: it has left.
    pub(super) async fn read_line(&self) -> Option<String> {
        poll_fn(|_| {
            let mut wires = self.0.borrow_mut();
            let end = wires.from_client.iter().position(|&byte| byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = wires.from_client.drain(..=end).collect();
                let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
                return Poll::Ready(Some(line.iter().map(|&byte| char::from(byte)).collect()));
            }
            if wires.client_has_left { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// So many bytes of the client; `None`: it has left.
    pub(super) async fn read_bytes(&self, count: usize) -> Option<Vec<u8>> {
        poll_fn(|_| {
            let mut wires = self.0.borrow_mut();
            if wires.from_client.len() >= count {
                return Poll::Ready(Some(wires.from_client.drain(..count).collect()));
            }
            if wires.client_has_left { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// Waits until the run has seen what was done so far.
    pub(super) async fn rest(&self) {
        let mut is_over = false;
        poll_fn(|_| if core::mem::replace(&mut is_over, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }

    /// Waits for ever.
    pub(super) async fn hang(&self) {
        poll_fn(|_| Poll::<()>::Pending).await;
    }
}

/// Runs a scenario against the MTA with this fault.
pub(super) fn run(scenario: &Scenario, profile: &Profile, fault: Fault) -> (Outcome, Vec<Event>) {
    let world = World::default();
    let mut server: Option<Pin<Box<dyn Future<Output = ()>>>> = None;
    let mut run = MtaRun::new(scenario, profile);
    let mut action = run.advance(Input::Start);
    let mut pauses = 0;
    for _ in 0..200_000 {
        action = match action {
            Action::Finish => return (run.outcome().unwrap().clone(), run.record().to_vec()),
            Action::Client(ClientAction::Connect) => {
                poll(&mut server);
                if server.take().is_some() {
                    world.happens(Happening::Closed);
                }
                let mut wires = world.0.borrow_mut();
                wires.happenings.retain(|it| !matches!(it, Happening::Reply(_) | Happening::SmtpClosed));
                (wires.from_client, wires.client_has_left) = (VecDeque::new(), false);
                drop(wires);
                server = Some(Box::pin(serve(world.clone(), fault)));
                run.advance(Input::Done)
            }
            Action::Client(ClientAction::Line(line)) => {
                world.0.borrow_mut().from_client.extend(line.bytes().chain(*b"\r\n"));
                run.advance(Input::Done)
            }
            Action::Client(ClientAction::Content(bytes)) => {
                world.0.borrow_mut().from_client.extend(bytes);
                run.advance(Input::Done)
            }
            Action::Client(ClientAction::Disconnect) => {
                world.0.borrow_mut().client_has_left = true;
                run.advance(Input::Done)
            }
            Action::Send(bytes) => {
                pauses = 0;
                world.0.borrow_mut().from_filter.extend(bytes);
                poll(&mut server);
                run.advance(Input::Done)
            }
            Action::Close => {
                world.0.borrow_mut().filter_has_closed = true;
                run.advance(Input::Done)
            }
            Action::Receive(patience) => {
                poll(&mut server);
                if world.0.borrow().happenings.is_empty() {
                    pauses += i32::from(matches!(patience, Patience::Almost(_)));
                    if matches!(patience, Patience::Timeout(_)) || pauses > 1 {
                        world.0.borrow_mut().is_late = true;
                        poll(&mut server);
                    }
                }
                let happening = world.0.borrow_mut().happenings.pop_front();
                give(&mut run, happening)
            }
            other => panic!("{other:?} is for filters"),
        };
    }
    panic!("{}: the run does not end", scenario.id);
}

fn poll(server: &mut Option<Pin<Box<dyn Future<Output = ()>>>>) {
    let mut context = Context::from_waker(Waker::noop());
    if server.as_mut().is_some_and(|server| server.as_mut().poll(&mut context).is_ready()) {
        *server = None;
    }
}

fn give(run: &mut MtaRun<'_>, happening: Option<Happening>) -> Action {
    match happening {
        None => run.advance(Input::TimedOut),
        Some(Happening::Accepted) => run.advance(Input::Accepted),
        Some(Happening::Received(bytes)) => run.advance(Input::Received(&bytes)),
        Some(Happening::Closed) => run.advance(Input::Closed),
        Some(Happening::Reply(reply)) => run.advance(Input::SmtpReply(&reply)),
        Some(Happening::SmtpClosed) => run.advance(Input::SmtpClosed),
        Some(Happening::Delivered { sender, recipients, content }) => {
            let recipients: Vec<_> = recipients.iter().map(String::as_str).collect();
            run.advance(Input::Delivered(Delivery::new(&sender, &recipients, &content)))
        }
    }
}
