//! Whoever measures is told how requests went.

use std::sync::Mutex;

use remoting::{Observer, Served};

use super::*;

#[derive(Default)]
struct Notes(Mutex<Vec<Served>>);

impl Observer for Notes {
    fn served(&self, request: &Served) {
        self.0.lock().unwrap().push(*request);
    }
}

#[tokio::test]
async fn every_request_is_told_once_with_its_time() {
    let fixture = start(Limits::default());
    let notes = Arc::new(Notes::default());
    let options = ServerOptions {
        observer: Some(Arc::clone(&notes) as Arc<dyn Observer>),
        ..ServerOptions::default()
    };
    let service = Arc::clone(&fixture.sample) as Arc<dyn Service>;
    let server = Server::bind(([127, 0, 0, 1], 0).into(), options, service).unwrap();
    assert_eq!(server.connections(), 0);

    let begun = std::time::Instant::now();
    let mut stream = TcpStream::connect(server.local_addr()).await.unwrap();
    let mut wire = BytesMut::new();
    wire.extend_from_slice(&request(LATER, 0, "late"));
    wire.extend_from_slice(&request(ECHO, 1, "now"));
    wire.extend_from_slice(&request(9999, 2, ""));
    wire.extend_from_slice(&to_bytes(&Command::request(ECHO).oneway()));
    stream.write_all(&wire).await.unwrap();
    let mut buffer = BytesMut::new();
    for _ in 0..2 {
        read_one(&mut stream, &mut buffer).await;
    }
    assert_eq!(server.connections(), 1);
    // What waits is told when it is answered.
    assert!(notes.0.lock().unwrap().iter().all(|served| served.code != LATER));
    fixture.release.send(true).unwrap();
    read_one(&mut stream, &mut buffer).await;

    let notes = notes.0.lock().unwrap();
    let told: Vec<_> = notes.iter().map(|s| (s.code, s.response, s.later)).collect();
    assert_eq!(told, [(ECHO, 0, false), (9999, 3, false), (ECHO, 0, false), (LATER, 0, true)]);
    assert!(notes.iter().all(|served| served.took <= begun.elapsed()));
    let shortest = notes.iter().map(|served| served.took).min().unwrap();
    assert!(notes[3].took >= shortest);
}
