//! The examples of the library run to their end: they are its documentation.

#[path = "../../examples/own_oracle.rs"]
mod own_oracle;
#[path = "../../examples/own_orchestrator.rs"]
mod own_orchestrator;
#[path = "../../examples/own_scenario.rs"]
mod own_scenario;

#[test]
fn every_example_runs_to_its_end() {
    own_scenario::main().expect("a scenario of one's own");
    own_oracle::main().expect("an oracle of one's own");
    own_orchestrator::main().expect("an orchestrator of one's own");
}
