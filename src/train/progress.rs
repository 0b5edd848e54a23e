//! What a user sees while training: a bar on a terminal, plain lines elsewhere (not one escape byte in a pipe).

use super::Record;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Seconds between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Progress over a known number of steps.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    steps: u64,
    batch: usize,
    start: Instant,
    last: Option<Instant>,
}

impl Progress {
    /// Progress over `steps` steps of `batch` images.
    pub fn new(steps: u64, batch: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(steps);
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} ETA {eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, steps, batch, start: Instant::now(), last: None }
    }
    /// No output at all.
    pub fn hidden(steps: u64) -> Self {
        Self { bar: Some(ProgressBar::hidden()), steps, batch: 0, start: Instant::now(), last: None }
    }
    /// Shows a training record.
    pub fn show(&mut self, record: &Record) {
        let seconds = self.start.elapsed().as_secs_f64().max(1e-9);
        let rate = record.step as f64 * self.batch as f64 / seconds;
        let Record { elbo, reconstruction, kl, .. } = record;
        let terms = match elbo {
            Some(elbo) => format!("ELBO {elbo:.1}  reconstruction {reconstruction:.1}  KL {kl:.1} nats"),
            None => format!("reconstruction {reconstruction:.1} nats"),
        };
        let text = format!("{rate:.0} images/s  {terms}");
        if let Some(bar) = &self.bar {
            bar.set_position(record.step);
            bar.set_message(text);
            return;
        }
        let due = self.last.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) || record.step == self.steps;
        if due {
            self.last = Some(Instant::now());
            let left = seconds / record.step.max(1) as f64 * (self.steps - record.step.min(self.steps)) as f64;
            say(&format!("step {}/{}  {text}  ETA {left:.0} s", record.step, self.steps));
        }
    }
    /// Prints a line that stays.
    pub fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) if bar.is_hidden() => {}
            Some(bar) => bar.suspend(|| say(line)),
            None => say(line),
        }
    }
    /// Ends the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}

/// Prints a line to whoever still listens: a reader that has gone (`| head`) must not end the training.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}"); // see above
}
