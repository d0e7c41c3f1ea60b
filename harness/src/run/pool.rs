//! All scenarios on all kernels, on as many machines at a time as there are jobs. Each worker makes another kernel ready, or
//! runs the scenario that will take longest, so that none works alone at the end.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::OnceLock;

use super::fallback::WithFallback;
use super::history::History;
use super::kernel_run::lost;
use super::queue::{Job, Queue, Stage};
use super::source::Guest;
use super::testbed::Testbed;
use super::{Context, Options};
use crate::isolation::Isolation;
use crate::progress::Progress;
use crate::report::{self, Outcome};
use crate::scenario::Scenario;

/// What the workers share.
pub(super) struct Pool<'a> {
    scenarios: &'a [Scenario],
    context: Context<'a>,
    kernels: Vec<Kernel<'a>>,
    queue: Queue,
}

/// A kernel, and what has become of it.
struct Kernel<'a> {
    name: &'a str,
    /// Positions of the scenarios that are run on it.
    part: Vec<usize>,
    line: OnceLock<WithFallback<'a>>,
    /// Why scenarios were not run on it.
    lost: OnceLock<vm::Error>,
}

/// What came of a scenario, by position of its kernel and its own.
type Done = ((usize, usize), Outcome);

impl<'a> Pool<'a> {
    pub(super) fn new(scenarios: &'a [Scenario], context: Context<'a>) -> Self {
        let mut kernels: Vec<Kernel<'_>> = Vec::new();
        let options = context.options;
        for name in &options.kernels {
            if kernels.iter().all(|kernel| kernel.name != name) {
                let before = kernels.len() * scenarios.len();
                let part = (0..scenarios.len()).filter(|index| options.shard.has(before + index)).collect();
                kernels.push(Kernel { name, part, line: OnceLock::new(), lost: OnceLock::new() });
            }
        }
        let stage = |kernel: &Kernel<'_>| if kernel.part.is_empty() { Stage::open([]) } else { Stage::Asked };
        let queue = Queue::new(kernels.iter().map(stage).collect());
        Pool { scenarios, context, kernels, queue }
    }

    /// Kernels and results, in the order of kernels and scenarios. A kernel that cannot be had, or that never gets ready, costs
    /// its own scenarios.
    pub(super) fn run(self) -> (Vec<report::Kernel>, Vec<Outcome>) {
        let workers = self.workers().clamp(1, self.total().max(1));
        let done = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| self.work())).collect();
            // A worker that panicked ended the others: it is told as if it had been this thread.
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        });
        self.tell_not_repeated();
        self.results(done)
    }

    /// While a machine waits it needs a worker, and its turn is another's. One that scenarios share is kept by its worker, and
    /// takes memory. Who asks for one machine at a time gets no more, one after another.
    fn workers(&self) -> usize {
        let Options { jobs, isolation, .. } = self.context.options;
        match isolation {
            Isolation::Clone | Isolation::Boot if *jobs > 1 => jobs * 2,
            _ => *jobs,
        }
    }

    /// One worker: does what comes next until there is nothing.
    fn work(&self) -> Vec<Done> {
        let _watch = self.queue.watch();
        let mut kept: Option<(usize, Guest)> = None;
        let mut done = Vec::new();
        while let Some((job, taken)) = self.queue.next(kept.as_ref().map(|(kernel, _)| *kernel)) {
            self.tell(&job, taken);
            match job {
                Job::Open(kernel) => self.open(kernel),
                Job::Run(kernel, scenario) => {
                    let guest = kept.take().filter(|(of, _)| *of == kernel).map(|(_, guest)| guest);
                    match self.line(kernel).run(&self.scenarios[scenario], guest) {
                        Ok((outcome, survivor)) => {
                            done.push(((kernel, scenario), outcome));
                            // One that no scenario waits for would keep its memory while the next kernel is made ready.
                            kept = survivor.filter(|_| self.queue.has(kernel)).map(|guest| (kernel, guest));
                        }
                        Err(error) => self.lose(kernel, error),
                    }
                }
            }
        }
        done
    }

    fn tell(&self, job: &Job, taken: usize) {
        if let Job::Run(kernel, scenario) = job {
            let (kernel, scenario) = (self.kernels[*kernel].name, &self.scenarios[*scenario].name);
            self.context.progress.moment(&format!("{kernel}: {taken}/{} {scenario}", self.total()));
        }
    }

    fn open(&self, kernel: usize) {
        let _turn = self.context.turns.take();
        let Kernel { name, part, line, .. } = &self.kernels[kernel];
        let progress =
            Of { kernel: (self.kernels.len() > 1).then_some(name), progress: self.context.progress };
        match self.line_of(name, part.len(), &progress) {
            Ok(opened) => {
                line.get_or_init(|| opened);
                let history = History::open(self.context.cache, name);
                let todo = part.iter().map(|&index| (history.expected(&self.scenarios[index]), index));
                self.queue.set(kernel, Stage::open(todo));
            }
            Err(error) => self.lose(kernel, error),
        }
    }

    /// Makes all that is not in the cache: the kernel itself, its initramfs, its template.
    fn line_of(
        &self,
        name: &str,
        scenarios: usize,
        progress: &dyn vm::Progress,
    ) -> vm::Result<WithFallback<'a>> {
        let Context { options, cache, .. } = self.context;
        let testbed = Testbed::prepare(name, self.scenarios, options, cache, progress)?;
        WithFallback::open(testbed, scenarios, self.context, progress)
    }

    /// What was not run yet on this kernel will not be.
    fn lose(&self, kernel: usize, error: vm::Error) {
        let Kernel { name, lost, .. } = &self.kernels[kernel];
        self.context.progress.error(&format!("{name}: {error}"));
        lost.get_or_init(|| error);
        self.queue.set(kernel, Stage::open([]));
    }

    /// What did not pass and was not run again.
    fn tell_not_repeated(&self) {
        for Kernel { name, line, .. } in &self.kernels {
            let left = line.get().map_or(0, WithFallback::not_repeated);
            if left > 0 {
                self.context.progress.warn(&format!(
                    "{name}: {left} more that did not pass were not run again in a cold boot: one of each reason is, and no more \
                     than five"
                ));
            }
        }
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
            if let Err(error) = History::open(self.context.cache, kernel.name).learn(learnt) {
                // Only the order of the next run is worse for it.
                self.context.progress.warn(&error.to_string());
            }
        }
        (self.kernels.iter().map(Kernel::told).collect(), results)
    }

    fn line(&self, kernel: usize) -> &WithFallback<'a> {
        self.kernels[kernel].line.get().expect("scenarios are taken of open kernels")
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
