//! The scenarios for MTAs.

use milter_proto::conformance::mta_scenarios;

#[test]
fn the_tables_are_read() {
    mta_scenarios().unwrap();
}
