//! Tables, and what is to be said about them.

use std::collections::BTreeSet;

use super::Section;
use super::plots::{Bars, Lines, Plot};
use super::table::{Table, count, number};
use crate::codecs::Subject;
use crate::measure::big_body::BigBody;
use crate::measure::codecs::{Figure, Row};
use crate::measure::idle::Idle;
use crate::measure::scale::Scale;
use crate::measure::servers::Comparison;
use crate::measure::syscalls::{COUNTED, Calls};
use crate::servers::SERVERS;
use crate::workload::Workload;

/// Codecs in memory.
pub fn codecs(rows: &[Row]) -> Section {
    let text = "One stream through each codec, in one process, rounds in turn. `copy` only copies the stream, `frames` only\n\
        finds where frames end. W1 is a typical session, W2 has a body of 10 MiB, W3nr 1000 headers, W4 bare frames;\n\
        W5 is W1 in single bytes (W5byte) and in random segments of 1 to 1500 bytes (W5rand). Times are ratios to\n\
        milter-proto; instructions are of a frame, allocations of the whole stream. miltr cannot encode macros and does\n\
        not know ACCEPT and PROGRESS: the first are left out for all, the others have CONTINUE and DISCARD in their places.";
    let subjects = Subject::ALL.map(|subject| subject.to_string());
    let head = |first: &str| [first.to_owned()].into_iter().chain(subjects.clone()).collect::<Vec<_>>();
    let mut times = Table::new(head("time, milter-proto = 1").into_iter().chain(["ns a frame".to_owned()]));
    let mut instructions = Table::new(head("instructions a frame"));
    let mut allocations = Table::new(head("allocations a stream"));
    let mut bars = Bars::new(
        "Codecs in memory: time for the same stream, milter-proto = 1",
        "ratio (logarithmic, shorter is better)",
        &["milter-proto", "miltr", "indymilter"],
    );
    for row in rows {
        let cells = |of: &dyn Fn(&Figure) -> Option<f64>| {
            let values = row.figures.iter().map(|figure| number(figure.as_ref().and_then(of)));
            [row.case.to_owned()].into_iter().chain(values).collect::<Vec<_>>()
        };
        let ours = Subject::ALL.iter().zip(&row.figures).find(|(subject, _)| **subject == Subject::Ours);
        let ns = ours.and_then(|(_, figure)| figure.as_ref()).map(|figure| figure.ns);
        times.row(cells(&|figure| Some(figure.ratio)).into_iter().chain([number(ns)]));
        if row.figures.iter().flatten().any(|figure| figure.ir.is_some()) {
            instructions.row(cells(&|figure| figure.ir));
        }
        let counts = row.figures.iter().map(|figure| count(figure.and_then(|figure| figure.allocations)));
        allocations.row([row.case.to_owned()].into_iter().chain(counts));
        let shown = Subject::ALL.iter().zip(&row.figures).skip(2);
        bars.group(row.case, shown.map(|(_, figure)| figure.map(|figure| figure.ratio)));
    }
    let tables = vec![times, instructions, allocations];
    Section {
        title: "Codecs in memory",
        text: text.to_owned(),
        tables,
        plot: Some(("codecs", Plot::Bars(bars))),
    }
}

/// Whole servers.
pub fn servers(comparisons: &[Comparison]) -> Section {
    let text = "Sessions one after the other over a unix socket, both ends bound to one processor, rounds in turn; the median of\n\
        the ratios to a server with the same I/O (threads or tokio) that knows the conversation by heart and parses\n\
        nothing. That one, like the examples, ends a wait that takes too long: a timeout of the socket, or tokio's\n\
        `timeout`. What these cost is seen from the servers that wait without end (untimed). filter_blocking and\n\
        filter_tokio are the example programs, with options for the same replies as all others give: two headers added,\n\
        one changed. W3 has 1000 headers in lock-step, W3nr the same without replies, 64 of them in a write. miltr-server\n\
        replies to every header, so it cannot do W3nr, and it cannot say ACCEPT, so it ends with CONTINUE; go-milter speaks\n\
        version 2, which has no DATA: one turn less. drop-in is the program on libmilter, unmodified, with\n\
        [interop/dropin](interop/dropin/README.md) in the place of libmilter.";
    let workloads = comparisons.iter().map(|comparison| comparison.workload.to_string()).collect::<Vec<_>>();
    let head = |first: &str, more: &str| {
        [first.to_owned()]
            .into_iter()
            .chain(workloads.iter().map(|name| format!("{name}{more}")))
            .collect::<Vec<_>>()
    };
    let mut cpu = Table::new(
        head("processor time, null = 1", "").into_iter().chain(head("", " us").into_iter().skip(1)),
    );
    let mut wall = Table::new(head("wall time, null = 1", ""));
    for server in &SERVERS {
        let ratios = comparisons.iter().map(|comparison| number(comparison.cpu_ratio(server.name)));
        let micros = comparisons.iter().map(|comparison| number(comparison.cpu(server.name)));
        cpu.row([server.name.to_owned()].into_iter().chain(ratios).chain(micros));
        let ratios = comparisons.iter().map(|comparison| number(comparison.wall_ratio(server.name)));
        wall.row([server.name.to_owned()].into_iter().chain(ratios));
    }
    let shown = SERVERS.iter().filter(|server| server.parses).collect::<Vec<_>>();
    let names = shown.iter().map(|server| server.name).collect::<Vec<_>>();
    let mut bars = Bars::new(
        "Whole servers: processor time of a session, a server that parses nothing = 1",
        "ratio (logarithmic, shorter is better)",
        &names,
    );
    for comparison in comparisons {
        let name = match comparison.workload.to_string().as_str() {
            "W1" => "W1: a typical session",
            "W2" => "W2: a body of 10 MiB",
            "W3" => "W3: 1000 headers",
            _ => "W3nr: 1000 headers, no replies",
        };
        bars.group(name, shown.iter().map(|server| comparison.cpu_ratio(server.name)));
    }
    let plot = Some(("servers", Plot::Bars(bars)));
    Section { title: "Whole servers", text: text.to_owned(), tables: vec![cpu, wall], plot }
}

/// System calls.
pub fn syscalls(calls: &[Calls]) -> Section {
    let text = "System calls of the server for one session, as strace counts them: the difference of two runs of different length.";
    let mut table = Table::new(
        ["calls a session".to_owned()].into_iter().chain(COUNTED.map(|workload| workload.to_string())),
    );
    let shown = SERVERS.iter().filter(|server| server.parses || server.name == server.null);
    let names = shown.map(|server| server.name).collect::<Vec<_>>();
    let mut bars = Bars::new(
        "System calls of the server for one session",
        "calls (logarithmic, shorter is better)",
        &names,
    );
    let total = |name: &str, workload| {
        let mut calls = calls.iter();
        calls.find(|calls| calls.server.name == name && calls.workload == workload).map(Calls::total)
    };
    for name in SERVERS.iter().map(|server| server.name) {
        let cells = COUNTED.map(|workload| number(total(name, workload)));
        table.row([name.to_owned()].into_iter().chain(cells));
    }
    for workload in COUNTED {
        bars.group(&workload.to_string(), names.iter().map(|name| total(name, workload)));
    }
    let plot = Some(("syscalls", Plot::Bars(bars)));
    let tables = vec![table, calls_by_name(calls)];
    Section { title: "System calls", text: text.to_owned(), tables, plot }
}

/// The calls of W1 one by one, of the example filters and of those that parse nothing.
fn calls_by_name(calls: &[Calls]) -> Table {
    let shown = calls.iter().filter(|calls| {
        let server = calls.server;
        calls.workload == Workload::Typical && (server.is_ours || server.name == server.null)
    });
    let shown = shown.collect::<Vec<_>>();
    let names = shown.iter().flat_map(|calls| calls.each.keys()).collect::<BTreeSet<_>>();
    let mut table =
        Table::new(["calls a session, W1"].into_iter().chain(shown.iter().map(|calls| calls.server.name)));
    for name in names {
        let cells = shown.iter().map(|calls| number(calls.each.get(name).copied()));
        table.row([name.clone()].into_iter().chain(cells));
    }
    table
}

/// Memory of idle sessions.
pub fn idle(rows: &[(&'static str, f64)]) -> Section {
    let text = "Resident memory of a session that has passed a typical message and waits for the next one, some seconds later.";
    let mut table = Table::new(["server", "KiB a session"]);
    rows.iter().for_each(|(name, memory)| table.row([(*name).to_owned(), number(Some(*memory))]));
    Section { title: "Memory of idle sessions", text: text.to_owned(), tables: vec![table], plot: None }
}

/// Many sessions.
pub fn scale(rows: &[Scale]) -> Section {
    let text = "W1 in many sessions at the same time: all of them say the same command before any reads its reply. What grows\n\
        with the sessions, grows in the servers that parse nothing as well: it is the system's work for more threads, or\n\
        that caches forget. libmilter looks at every session for each event; it and the drop-in are measured up to 1000.\n\
        Memory is that of sessions that wait, beyond that of the server.";
    let mut table = Table::new([
        "server",
        "sessions",
        "CPU us a session",
        "KiB a session, idle",
        "CPU ms in a second, all idle",
    ]);
    for row in rows {
        let idle = |of: fn(&Idle) -> f64| row.idle.as_ref().map(of);
        let cells = [Some(row.cpu), idle(|idle| idle.memory), idle(|idle| idle.cpu)].map(number);
        table.row([row.server.to_owned(), row.sessions.to_string()].into_iter().chain(cells));
    }
    let mut lines = Lines::new("Many sessions at the same time", "sessions");
    #[expect(clippy::cast_precision_loss, reason = "counts of sessions are small")]
    let points = |name: &str, of: fn(&Scale) -> Option<f64>| {
        let rows = rows.iter().filter(|row| row.server == name);
        rows.filter_map(|row| Some((row.sessions as f64, of(row)?))).collect::<Vec<_>>()
    };
    for server in SERVERS.iter().filter(|server| server.name == server.null || server.is_ours) {
        lines.line("processor time of a session, us", server.name, points(server.name, |row| Some(row.cpu)));
        // Of a few sessions it is less than what the server itself moves by.
        let memory = points(server.name, |row| Some(row.idle.as_ref()?.memory));
        let memory = memory.into_iter().filter(|point| point.0 >= 100.0).collect::<Vec<_>>();
        if !memory.is_empty() {
            lines.line("memory of an idle session, KiB", server.name, memory);
        }
    }
    let plot = Some(("scale", Plot::Lines(lines)));
    Section { title: "Many sessions", text: text.to_owned(), tables: vec![table], plot }
}

/// A huge body.
pub fn big_body(rows: &[BigBody]) -> Section {
    let text = "One message with a huge body through both roles of milter-proto: the MTA of these measurements sends it in chunks\n\
        of 65,535 bytes, the example filter takes it. Peak memory of both is that of the whole process.";
    let mut table = Table::new([
        "filter",
        "body, MiB",
        "peak of the filter, KiB",
        "peak of the MTA, KiB",
        "CPU s",
        "wall s",
    ]);
    for row in rows {
        let sizes = [row.bytes >> 20, row.filter, row.mta].map(|size| count(Some(size)));
        let times = [row.cpu, row.wall].map(|time| number(Some(time)));
        table.row([row.server.to_owned()].into_iter().chain(sizes).chain(times));
    }
    Section { title: "A huge body", text: text.to_owned(), tables: vec![table], plot: None }
}

/// The goals of whole servers, and what came of them.
pub fn goals(comparisons: &[Comparison], calls: &[Calls], idle: &[(&'static str, f64)]) -> Section {
    let text = "What the example filters should cost beside a server with the same I/O that parses nothing.";
    let mut table = Table::new(["goal", "must", "reach", "filter_blocking", "filter_tokio"]);
    let ours = || SERVERS.iter().filter(|server| server.is_ours);
    for comparison in comparisons {
        let workload = comparison.workload.to_string();
        let (must, reach) = if workload == "W3nr" { ("1.25", "1.15") } else { ("1.05", "1.02") };
        let head = [format!("processor time, {workload}"), must.to_owned(), reach.to_owned()];
        table.row(head.into_iter().chain(ours().map(|server| number(comparison.cpu_ratio(server.name)))));
    }
    for workload in COUNTED {
        let total = |name: &str| {
            let mut calls = calls.iter();
            calls.find(|calls| calls.server.name == name && calls.workload == workload).map(Calls::total)
        };
        let more = ours()
            .map(|server| number(total(server.name).zip(total(server.null)).map(|(ours, null)| ours - null)));
        let head = [format!("system calls over null, {workload}"), "2".to_owned(), "0".to_owned()];
        table.row(head.into_iter().chain(more));
    }
    let memory =
        ours().map(|server| number(idle.iter().find(|(name, _)| *name == server.name).map(|row| row.1)));
    table
        .row(["KiB of an idle session".to_owned(), "-".to_owned(), "2".to_owned()].into_iter().chain(memory));
    Section { title: "Goals", text: text.to_owned(), tables: vec![table], plot: None }
}
