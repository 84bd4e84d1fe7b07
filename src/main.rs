//! entry
fn main() {
    print!("{}", mdi_operator::api::crd::yaml().unwrap())
}
