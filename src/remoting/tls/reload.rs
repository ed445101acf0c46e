//! Changed certificate files take effect for the next handshakes (Java: `FileWatchService`).

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;

use super::{ServerConfigSource, TlsSettings, files};
use crate::LOG;

/// How often files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Enough of a file to see that it was replaced.
type Stamp = Option<(SystemTime, u64)>;

struct Loaded {
    config: Arc<ServerConfig>,
    stamps: [Stamp; 3],
    looked: Instant,
}

/// Loads at the first handshake; afterwards again when the trust file changed, or certificate
/// and key both did. A pair that does not load leaves the old one in force.
pub(super) fn server_source(settings: TlsSettings) -> Arc<ServerConfigSource> {
    let state: Mutex<Option<Loaded>> = Mutex::new(None);
    Arc::new(move || {
        let mut state = state.lock();
        let Some(loaded) = state.as_mut() else {
            let stamps = stamps(&settings);
            let config = files::server_config(&settings)?;
            *state = Some(Loaded { config: Arc::clone(&config), stamps, looked: Instant::now() });
            return Ok(config);
        };
        if loaded.looked.elapsed() >= LOOK_EVERY {
            loaded.looked = Instant::now();
            reload(&settings, loaded);
        }
        Ok(Arc::clone(&loaded.config))
    })
}

fn reload(settings: &TlsSettings, loaded: &mut Loaded) {
    let now = stamps(settings);
    let [cert, key, trust] = loaded.stamps;
    let both = now[0] != cert && now[1] != key;
    if !both && now[2] == trust {
        return;
    }
    match files::server_config(settings) {
        Ok(config) => {
            tracing::info!(target: LOG, "TLS certificates reloaded");
            (loaded.config, loaded.stamps) = (config, now);
        }
        Err(error) => tracing::error!(target: LOG, %error, "TLS certificates not reloaded"),
    }
}

fn stamps(settings: &TlsSettings) -> [Stamp; 3] {
    let files = &settings.server;
    [&files.cert, &files.key, &files.trust].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}
