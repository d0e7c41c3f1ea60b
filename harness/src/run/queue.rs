//! What the workers of a run have still to do: which does what next, and how they wait for one another.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What is still to be done, by all workers.
pub(super) struct Queue {
    todo: Mutex<Todo>,
    /// A kernel has become ready, or is lost; or the run is.
    changed: Condvar,
}

struct Todo {
    /// By position of the kernel.
    stages: Vec<Stage>,
    /// Scenarios that were begun, of all kernels.
    taken: usize,
    /// A worker panicked: nobody will see what comes of the rest.
    given_up: bool,
}

impl Queue {
    /// Of kernels, by their positions.
    pub(super) fn new(stages: Vec<Stage>) -> Self {
        Queue { todo: Mutex::new(Todo { stages, taken: 0, given_up: false }), changed: Condvar::new() }
    }

    /// What a worker does next, that keeps a machine with that kernel, and how many scenarios were begun then. Waits for a
    /// kernel that another worker makes ready.
    pub(super) fn next(&self, kept: Option<usize>) -> Option<(Job, usize)> {
        let mut todo = self.todo();
        while !todo.given_up {
            if let Some(job) = todo.take(kept) {
                return Some((job, todo.taken));
            }
            if !todo.stages.iter().any(|stage| matches!(stage, Stage::Opening)) {
                return None;
            }
            todo = self.changed.wait(todo).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// What has become of a kernel.
    pub(super) fn set(&self, kernel: usize, stage: Stage) {
        self.todo().stages[kernel] = stage;
        self.changed.notify_all();
    }

    /// Whether scenarios of a kernel are left.
    pub(super) fn has(&self, kernel: usize) -> bool {
        self.todo().stages[kernel].longest().is_some()
    }

    /// For as long as a worker is at work: if it panics, no other waits for it, or goes on.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch(self)
    }

    /// Whoever panics gives everything up: what he held is not looked at any more.
    fn todo(&self) -> MutexGuard<'_, Todo> {
        self.todo.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Queue::watch`].
pub(super) struct Watch<'a>(&'a Queue);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.todo().given_up = true;
            self.0.changed.notify_all();
        }
    }
}

/// A kernel, as workers see it.
pub(super) enum Stage {
    /// Nobody has begun to make it ready.
    Asked,
    /// A worker makes it ready.
    Opening,
    /// It is ready, and these scenarios are left: how long each will take, and its position. The longest is last.
    Open(Vec<(u64, usize)>),
}

/// What a worker does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Make the kernel at this position ready.
    Open(usize),
    /// On a kernel, run a scenario.
    Run(usize, usize),
}

impl Stage {
    /// How long each scenario will take, and its position.
    pub(super) fn open(todo: impl IntoIterator<Item = (u64, usize)>) -> Self {
        let mut todo: Vec<_> = todo.into_iter().collect();
        // Of equals the first goes first.
        todo.sort_by_key(|&(ms, index)| (ms, std::cmp::Reverse(index)));
        Stage::Open(todo)
    }

    fn longest(&self) -> Option<u64> {
        match self {
            Stage::Open(todo) => todo.last().map(|(ms, _)| *ms),
            _ => None,
        }
    }
}

impl Todo {
    /// A worker that keeps a machine goes on with it. Else a kernel that is not ready goes first, for whoever has nothing to
    /// do would wait for it at the end.
    fn take(&mut self, kept: Option<usize>) -> Option<Job> {
        if let Some(job) = kept.and_then(|kernel| self.take_of(kernel)) {
            return Some(job);
        }
        if let Some(kernel) = self.stages.iter().position(|stage| matches!(stage, Stage::Asked)) {
            self.stages[kernel] = Stage::Opening;
            return Some(Job::Open(kernel));
        }
        let longest = self.stages.iter().enumerate().rev().max_by_key(|(_, stage)| stage.longest());
        longest.map(|(kernel, _)| kernel).and_then(|kernel| self.take_of(kernel))
    }

    fn take_of(&mut self, kernel: usize) -> Option<Job> {
        let Stage::Open(todo) = &mut self.stages[kernel] else { return None };
        let (_, scenario) = todo.pop()?;
        self.taken += 1;
        Some(Job::Run(kernel, scenario))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn todo(stages: Vec<Stage>) -> Todo {
        Todo { stages, taken: 0, given_up: false }
    }

    fn taking<const N: usize>(expected: [u64; N]) -> Stage {
        Stage::open(expected.into_iter().zip(0..))
    }

    #[test]
    fn kernels_are_made_ready_first_then_the_longest_scenarios_run() {
        let mut todo = todo(vec![taking([1, 7]), Stage::Asked, taking([5, 9])]);
        assert_eq!(todo.take(None), Some(Job::Open(1)));
        let order: Vec<_> = std::iter::from_fn(|| todo.take(None)).collect();
        assert_eq!(order, [Job::Run(2, 1), Job::Run(0, 1), Job::Run(2, 0), Job::Run(0, 0)]);
        assert_eq!(todo.taken, 4);
    }

    #[test]
    fn a_lane_goes_on_with_the_machine_that_it_keeps() {
        let mut todo = todo(vec![taking([1]), taking([9]), Stage::Asked]);
        assert_eq!(todo.take(Some(0)), Some(Job::Run(0, 0)));
        assert_eq!(todo.take(Some(0)), Some(Job::Open(2)));
        assert_eq!(todo.take(Some(0)), Some(Job::Run(1, 0)));
    }

    #[test]
    fn of_equals_the_first_goes_first() {
        let mut todo = todo(vec![taking([u64::MAX, u64::MAX]), taking([u64::MAX])]);
        let order: Vec<_> = std::iter::from_fn(|| todo.take(None)).collect();
        assert_eq!(order, [Job::Run(0, 0), Job::Run(0, 1), Job::Run(1, 0)]);
    }

    #[test]
    fn a_lane_that_panics_while_it_makes_a_kernel_ready_ends_the_others() {
        let queue = Arc::new(Queue::new(vec![Stage::Asked, taking([1])]));
        assert_eq!(queue.next(None), Some((Job::Open(0), 0)));
        let (say, said) = channel();
        let other = queue.clone();
        thread::spawn(move || {
            let first = other.next(None);
            // Nothing is left but what the first worker makes ready: this one waits.
            let then = other.next(None);
            say.send((first, then))
        });
        let first = queue.clone();
        let panic = thread::spawn(move || {
            let _watch = first.watch();
            panic!("the kernel is not made ready");
        });
        panic.join().unwrap_err();
        // Far longer than it takes: only a worker that waits for ever says nothing.
        let (_, then) = said.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(then, None);
    }

    #[test]
    fn what_is_left_after_a_panic_is_not_begun() {
        let queue = Queue::new(vec![taking([1, 2])]);
        thread::scope(|scope| {
            let panic = scope.spawn(|| {
                let _watch = queue.watch();
                panic!("a scenario is not judged");
            });
            panic.join().unwrap_err();
        });
        assert!(queue.has(0));
        assert_eq!(queue.next(None), None);
    }
}
