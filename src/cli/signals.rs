//! Ctrl-C and SIGTERM ask for a clean stop, SIGHUP for a look at git.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first Ctrl-C or SIGTERM. Attempts under way are finished.
pub fn stop_on(stop: &CancellationToken) {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let stop = stop.clone();
        if let Ok(mut signals) = signal(kind) {
            tokio::spawn(async move {
                signals.recv().await;
                stop.cancel();
            });
        }
    }
}

/// Sends a nudge at each SIGHUP.
pub fn nudge_on_hangup(nudge: &mpsc::Sender<()>) {
    let nudge = nudge.clone();
    if let Ok(mut signals) = signal(SignalKind::hangup()) {
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                // A full inbox means that it is awake already.
                let _ = nudge.try_send(());
            }
        });
    }
}
