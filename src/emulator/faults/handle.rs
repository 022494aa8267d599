//! The handle to a running backend's faults, and the gates that hold a stream.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::watch;

use super::fault::{Fault, Phase};
use crate::emulator::error::ApiError;
use crate::emulator::state::{Recorded, Shared};

/// The Rust handle: arms faults, opens gates, reads the requests that were received.
#[derive(Debug, Clone)]
pub struct Faults {
    shared: Shared,
}

/// The server has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the offline backend has ended")]
pub struct Ended;

impl Faults {
    pub(in crate::emulator) fn new(shared: Shared) -> Self {
        Self { shared }
    }

    /// Arms a fault.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn add(&self, fault: Fault) -> Result<(), Ended> {
        let armed = self.shared.with(|state| state.faults.push(fault)).await;
        armed.map_err(|_| Ended)
    }

    /// Disarms everything and opens every gate.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn clear(&self) -> Result<(), Ended> {
        let cleared = self.shared.with(|state| {
            state.faults.clear();
            for (_, gate) in state.gates.drain() {
                gate.send_replace(Phase::Open);
            }
        });
        cleared.await.map_err(|_| Ended)
    }

    /// Waits until a response has reached the gate. The caller limits the wait.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn gate_reached(&self, name: &str) -> Result<(), Ended> {
        let mut gate = self.gate(name).await?.subscribe();
        let reached = gate.wait_for(|phase| *phase != Phase::Closed).await;
        reached.map(|_| ()).map_err(|_| Ended)
    }

    /// Lets the response at the gate go on. If no response is there yet, the gate will not hold the
    /// next one.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn open_gate(&self, name: &str) -> Result<(), Ended> {
        let name = name.to_owned();
        let opened = self.shared.with(move |state| {
            let gate = gate_of(&mut state.gates, &name);
            if gate.send_replace(Phase::Open) == Phase::Reached {
                state.gates.remove(&name);
            }
        });
        opened.await.map_err(|_| Ended)
    }

    /// Returns the requests that were received, oldest first: the last 500, or fewer if they are
    /// long.
    ///
    /// # Errors
    /// When the server has ended.
    pub async fn requests(&self) -> Result<Vec<Recorded>, Ended> {
        let recorded = self
            .shared
            .with(|state| state.requests.iter().map(|(_, r)| r.clone()).collect());
        recorded.await.map_err(|_| Ended)
    }

    async fn gate(&self, name: &str) -> Result<watch::Sender<Phase>, Ended> {
        let name = name.to_owned();
        let gate = self
            .shared
            .with(move |state| gate_of(&mut state.gates, &name));
        gate.await.map_err(|_| Ended)
    }
}

fn gate_of(gates: &mut HashMap<String, watch::Sender<Phase>>, name: &str) -> watch::Sender<Phase> {
    gates
        .entry(name.to_owned())
        .or_insert_with(|| watch::Sender::new(Phase::Closed))
        .clone()
}

/// Waits at a gate until it is opened. If it is open already, passes at once, and the gate is
/// closed again.
pub(in crate::emulator) async fn stand_before(shared: &Shared, name: &str) -> Result<(), ApiError> {
    let owned = name.to_owned();
    let gate = shared
        .with(move |state| {
            let gate = gate_of(&mut state.gates, &owned);
            if *gate.borrow() == Phase::Open {
                state.gates.remove(&owned);
                return None;
            }
            gate.send_replace(Phase::Reached);
            Some(gate.subscribe())
        })
        .await?;
    if let Some(mut gate) = gate {
        // An error means that the gate is gone with the server. The stream ends with it too.
        let _ = gate.wait_for(|phase| *phase == Phase::Open).await;
    }
    Ok(())
}

/// Waits as long as a fault says. This is real time, whatever clock the backend was given, because
/// the client that has to notice it waits in real time.
#[expect(
    clippy::disallowed_methods,
    reason = "edge: a fault takes as long for the client as it says"
)]
pub(in crate::emulator) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Returns whether a fault in a script strikes now, which it does `times` times, and counts it.
pub(in crate::emulator) async fn strikes(
    shared: &Shared,
    place: String,
    times: u32,
) -> Result<bool, ApiError> {
    shared
        .with(move |state| {
            let struck = state.struck.entry(place).or_insert(0);
            *struck = struck.saturating_add(1);
            *struck <= times
        })
        .await
}
