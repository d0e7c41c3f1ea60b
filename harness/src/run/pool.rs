//! All scenarios on all kernels, on as many machines at a time as there are jobs. Each lane makes another kernel ready, or
//! runs the scenario that will take longest, so that none works alone at the end.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock};

use vm::Cache;

use super::Options;
use super::history::History;
use super::schedule::lost;
use super::source::Guest;
use super::steady::Steady;
use super::tap::Tap;
use super::testbed::Testbed;
use crate::progress::Progress;
use crate::report::{self, Outcome};
use crate::scenario::Scenario;

/// What the lanes share.
pub(crate) struct Pool<'a> {
    scenarios: &'a [Scenario],
    options: &'a Options,
    cache: &'a Cache,
    progress: &'a Progress,
    tap: &'a dyn Tap,
    kernels: Vec<Kernel<'a>>,
    queue: Mutex<Queue>,
    /// A kernel has become ready, or is lost.
    opened: Condvar,
}

/// A kernel, and what has become of it.
struct Kernel<'a> {
    name: &'a str,
    /// Positions of the scenarios that are run on it.
    part: Vec<usize>,
    line: OnceLock<Steady<'a>>,
    /// Why scenarios were not run on it.
    lost: OnceLock<vm::Error>,
}

/// What came of a scenario, by position of its kernel and its own.
type Done = ((usize, usize), Outcome);

impl<'a> Pool<'a> {
    pub(crate) fn new(
        scenarios: &'a [Scenario],
        options: &'a Options,
        cache: &'a Cache,
        progress: &'a Progress,
        tap: &'a dyn Tap,
    ) -> Self {
        let mut kernels: Vec<Kernel<'_>> = Vec::new();
        for name in &options.kernels {
            if kernels.iter().all(|kernel| kernel.name != name) {
                let before = kernels.len() * scenarios.len();
                let part = (0..scenarios.len()).filter(|index| options.shard.has(before + index)).collect();
                kernels.push(Kernel { name, part, line: OnceLock::new(), lost: OnceLock::new() });
            }
        }
        let stage = |kernel: &Kernel<'_>| if kernel.part.is_empty() { Stage::open([]) } else { Stage::Asked };
        let queue = Queue { stages: kernels.iter().map(stage).collect(), taken: 0 };
        let (queue, opened) = (Mutex::new(queue), Condvar::new());
        Pool { scenarios, options, cache, progress, tap, kernels, queue, opened }
    }

    /// Kernels and results, in the order of kernels and scenarios.
    ///
    /// # Errors
    /// The only kernel cannot be had, or never gets ready. One of several costs its own scenarios.
    pub(crate) fn run(mut self) -> vm::Result<(Vec<report::Kernel>, Vec<Outcome>)> {
        let lanes = self.options.jobs.clamp(1, self.total().max(1));
        let done = std::thread::scope(|scope| {
            let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(|| self.work())).collect();
            lanes.into_iter().flat_map(|lane| lane.join().expect("a lane does not panic")).collect()
        });
        if let [only] = self.kernels.as_mut_slice()
            && let Some(error) = only.lost.take()
        {
            return Err(error);
        }
        Ok(self.results(done))
    }

    /// One lane: does what comes next until there is nothing.
    fn work(&self) -> Vec<Done> {
        let mut kept: Option<(usize, Guest)> = None;
        let mut done = Vec::new();
        while let Some(job) = self.next(kept.as_ref().map(|(kernel, _)| *kernel)) {
            match job {
                Job::Open(kernel) => self.open(kernel),
                Job::Run(kernel, scenario) => {
                    let guest = kept.take().filter(|(of, _)| *of == kernel).map(|(_, guest)| guest);
                    match self.line(kernel).run(&self.scenarios[scenario], guest) {
                        Ok((outcome, survivor)) => {
                            done.push(((kernel, scenario), outcome));
                            kept = survivor.map(|guest| (kernel, guest));
                        }
                        Err(error) => self.lose(kernel, error),
                    }
                }
            }
        }
        done
    }

    /// What a lane does next, that keeps a machine with that kernel.
    fn next(&self, kept: Option<usize>) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.take(kept) {
                self.tell(&job, queue.taken);
                return Some(job);
            }
            if !queue.stages.iter().any(|stage| matches!(stage, Stage::Opening)) {
                return None;
            }
            queue = self.opened.wait(queue).expect("no lane panics while it looks");
        }
    }

    fn tell(&self, job: &Job, taken: usize) {
        if let Job::Run(kernel, scenario) = job {
            let (kernel, scenario) = (self.kernels[*kernel].name, &self.scenarios[*scenario].name);
            self.progress.moment(&format!("{kernel}: {taken}/{} {scenario}", self.total()));
        }
    }

    fn open(&self, kernel: usize) {
        let Kernel { name, part, line, .. } = &self.kernels[kernel];
        let progress = Of { kernel: (self.kernels.len() > 1).then_some(name), progress: self.progress };
        match self.line_of(name, &progress) {
            Ok(opened) => {
                line.get_or_init(|| opened);
                let history = History::open(self.cache, name);
                let todo = part.iter().map(|&index| (history.expected(&self.scenarios[index]), index));
                self.queue().stages[kernel] = Stage::open(todo);
            }
            Err(error) => self.lose(kernel, error),
        }
        self.opened.notify_all();
    }

    /// Makes all that is not in the cache: the kernel itself, its initramfs, its template.
    fn line_of(&self, name: &str, progress: &dyn vm::Progress) -> vm::Result<Steady<'a>> {
        let testbed = Testbed::prepare(name, self.scenarios, self.options, self.cache, progress)?;
        Steady::open(testbed, self.options, self.cache, self.progress, progress, self.tap)
    }

    /// What was not run yet on this kernel will not be.
    fn lose(&self, kernel: usize, error: vm::Error) {
        let Kernel { name, lost, .. } = &self.kernels[kernel];
        if self.kernels.len() > 1 {
            self.progress.warn(&format!("{name}: {error}"));
        }
        lost.get_or_init(|| error);
        self.queue().stages[kernel] = Stage::open([]);
    }

    fn results(self, done: BTreeMap<(usize, usize), Outcome>) -> (Vec<report::Kernel>, Vec<Outcome>) {
        let mut done = done;
        let mut results = Vec::new();
        for (position, kernel) in self.kernels.iter().enumerate() {
            let mut seen = Vec::new();
            for &index in &kernel.part {
                let outcome = done.remove(&(position, index));
                seen.extend(outcome.is_some().then_some(results.len()));
                let lost = || lost(kernel.name, &self.scenarios[index], kernel.why());
                results.push(outcome.unwrap_or_else(lost));
            }
            let learnt = seen.into_iter().map(|place| &results[place]);
            if let Err(error) = History::open(self.cache, kernel.name).learn(learnt) {
                // Only the order of the next run is worse for it.
                self.progress.warn(&error.to_string());
            }
        }
        (self.kernels.iter().map(Kernel::told).collect(), results)
    }

    fn line(&self, kernel: usize) -> &Steady<'a> {
        self.kernels[kernel].line.get().expect("scenarios are taken of open kernels")
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no lane panics while it looks")
    }

    fn total(&self) -> usize {
        self.kernels.iter().map(|kernel| kernel.part.len()).sum()
    }
}

impl Kernel<'_> {
    fn why(&self) -> &vm::Error {
        self.lost.get().expect("on a kernel that is not lost every scenario is run")
    }

    fn told(&self) -> report::Kernel {
        match (self.line.get(), self.lost.get()) {
            (Some(line), _) => line.kernel(),
            (None, Some(error)) => report::Kernel::unused(self.name, error.for_others()),
            (None, None) => report::Kernel::unused(self.name, "this shard has no scenario for it"),
        }
    }
}

/// What is still to be done.
struct Queue {
    /// By position of the kernel.
    stages: Vec<Stage>,
    /// Scenarios that were begun, of all kernels.
    taken: usize,
}

enum Stage {
    /// Nobody has begun to make it ready.
    Asked,
    /// A lane makes it ready.
    Opening,
    /// It is ready, and these scenarios are left: how long each will take, and its position. The longest is last.
    Open(Vec<(u64, usize)>),
}

/// What a lane does next.
#[derive(Debug, PartialEq, Eq)]
enum Job {
    /// Make the kernel at this position ready.
    Open(usize),
    /// On a kernel, run a scenario.
    Run(usize, usize),
}

impl Stage {
    /// How long each scenario will take, and its position.
    fn open(todo: impl IntoIterator<Item = (u64, usize)>) -> Self {
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

impl Queue {
    /// A lane that keeps a machine goes on with it. Else a kernel that is not ready goes first, for whoever has nothing to
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

/// Tells of which kernel it is, where there are several.
struct Of<'a> {
    kernel: Option<&'a str>,
    progress: &'a Progress,
}

impl vm::Progress for Of<'_> {
    fn step(&self, what: &str) {
        let kernel = self.kernel.map_or_else(String::new, |kernel| format!("{kernel}: "));
        self.progress.step(&format!("{kernel}{what}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(stages: Vec<Stage>) -> Queue {
        Queue { stages, taken: 0 }
    }

    fn taking<const N: usize>(expected: [u64; N]) -> Stage {
        Stage::open(expected.into_iter().zip(0..))
    }

    #[test]
    fn kernels_are_made_ready_first_then_the_longest_scenarios_run() {
        let mut queue = queue(vec![taking([1, 7]), Stage::Asked, taking([5, 9])]);
        assert_eq!(queue.take(None), Some(Job::Open(1)));
        let order: Vec<_> = std::iter::from_fn(|| queue.take(None)).collect();
        assert_eq!(order, [Job::Run(2, 1), Job::Run(0, 1), Job::Run(2, 0), Job::Run(0, 0)]);
        assert_eq!(queue.taken, 4);
    }

    #[test]
    fn a_lane_goes_on_with_the_machine_that_it_keeps() {
        let mut queue = queue(vec![taking([1]), taking([9]), Stage::Asked]);
        assert_eq!(queue.take(Some(0)), Some(Job::Run(0, 0)));
        assert_eq!(queue.take(Some(0)), Some(Job::Open(2)));
        assert_eq!(queue.take(Some(0)), Some(Job::Run(1, 0)));
    }

    #[test]
    fn of_equals_the_first_goes_first() {
        let mut queue = queue(vec![taking([u64::MAX, u64::MAX]), taking([u64::MAX])]);
        let order: Vec<_> = std::iter::from_fn(|| queue.take(None)).collect();
        assert_eq!(order, [Job::Run(0, 0), Job::Run(0, 1), Job::Run(1, 0)]);
    }
}
