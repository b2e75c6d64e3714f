//! The workloads are what their documentation says.

use milter_proto_benches::codec::{Reader, decode_commands, decode_responses};
use milter_proto_benches::workloads::{self, Script};

#[test]
fn the_sizes_are_those_of_the_budgets() {
    let count = |script: Script| {
        let (commands, responses) = (script.command_bytes().len(), script.response_bytes().len());
        ((script.commands.len(), commands), (script.responses.len(), responses))
    };
    assert_eq!(count(workloads::typical()), ((46, 45_498), (39, 428)), "W1");
    assert_eq!(count(workloads::large_body()), ((206, 10_491_098), (199, 1228)), "W2");
    assert_eq!(count(workloads::many_headers(true)), ((1021, 67_126), (1014, 5303)), "W3");
    assert_eq!(count(workloads::many_headers(false)), ((1021, 67_126), (14, 303)), "W3nr");
    for command in workloads::headers(1000) {
        assert_eq!(command.encode().len(), 5 + 60);
    }
}

#[test]
fn every_cut_of_the_typical_session_decodes() {
    let script = workloads::typical();
    let (commands, responses) = (script.command_bytes(), script.response_bytes());
    let bytes: Vec<&[u8]> = commands.chunks(1).collect();
    for segments in [&[&commands[..]], &bytes[..], &workloads::random_segments(&commands)] {
        assert_eq!(decode_commands(&mut Reader::new(Vec::new()), segments), 46);
    }
    for segments in [&[&responses[..]][..], &workloads::random_segments(&responses)] {
        assert_eq!(decode_responses(&mut Reader::new(Vec::new()), segments), 39);
    }
}
