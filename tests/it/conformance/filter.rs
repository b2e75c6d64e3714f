//! The scenarios for filters.

use milter_proto::conformance::filter_scenarios;

#[test]
fn the_tables_are_read() {
    assert!(!filter_scenarios().unwrap().is_empty());
}
