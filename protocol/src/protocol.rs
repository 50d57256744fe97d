//! The order of the steps: as in the code, or with one change.

use crate::bug::Bug;
use crate::state::{Call, Task};
use crate::step::{self, Step};

#[derive(Clone, Debug)]
pub struct Protocol {
    bug: Option<Bug>,
    cut_over: Vec<Step>,
}

impl Protocol {
    /// The protocol of the code.
    #[must_use]
    pub fn of_the_code() -> Self {
        Self { bug: None, cut_over: step::CUT_OVER.to_vec() }
    }

    #[must_use]
    pub fn with(bug: Bug) -> Self {
        let mut protocol = Self { bug: Some(bug), ..Self::of_the_code() };
        match bug {
            Bug::MarkBeforeLocks => protocol.move_before(Step::WriteMark, Step::LockAll),
            Bug::SequencesBeforeLocks => protocol.move_before(Step::ReadSequences, Step::LockAll),
            Bug::SecretsBeforeFence => protocol.move_before(Step::CarryOut, Step::Close),
            Bug::EndApplyBehindSwitch => protocol.move_before(Step::EndApply, Step::EndApplicationsSessions),
            Bug::UnsubscribeBeforeFence => protocol.move_before(Step::Unsubscribe, Step::Close),
            _ => {}
        }
        protocol
    }

    fn move_before(&mut self, step: Step, before: Step) {
        self.cut_over.retain(|other| *other != step);
        let place = self.cut_over.iter().position(|other| *other == before).unwrap_or(0);
        self.cut_over.insert(place, step);
    }

    #[must_use]
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn steps(&self, task: Task) -> &[Step] {
        match task {
            Task::Cutover => &self.cut_over,
            Task::CutoverUndo => step::CANCEL,
            Task::SubscribeUndo => step::UNSUBSCRIBE,
            Task::CreatePublicationUndo => step::UNPUBLISH,
            Task::RestoreUndo => step::DROP_TARGET,
        }
    }

    #[must_use]
    pub fn next_step(&self, call: &Call) -> Step {
        self.steps(call.task)[usize::from(call.next)]
    }

    #[must_use]
    pub fn is_through(&self, call: &Call) -> bool {
        usize::from(call.next) == self.steps(call.task).len()
    }

    /// The position of a step of the cutover.
    #[must_use]
    pub fn place_of(&self, step: Step) -> u8 {
        self.cut_over.iter().position(|other| *other == step).and_then(|place| u8::try_from(place).ok()).unwrap_or(0)
    }
}
