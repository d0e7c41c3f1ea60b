use super::{Done, Refusal};
pub(super) fn perform(capability: &str) -> Done {
    Err(Refusal::Broken(capability.into()))
}
