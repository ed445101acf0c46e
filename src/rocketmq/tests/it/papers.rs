//! Completion for shells and pages of the manual, as the shells and `man` take them.

use std::process::Command;

use crate::program::{Ended, rocketmq, run};

const PROGRAMS: [&str; 4] = ["mqadmin", "mqbroker", "mqnamesrv", "mqshutdown"];

fn script(shell: &str, program: &str) -> String {
    let ended = run(&mut rocketmq(&["completion", shell, program]));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{shell} {program}");
    ended.out
}

/// What bash offers for the last of these words.
fn offered(words: &[&str]) -> Vec<String> {
    let ask = format!(
        "{}\nCOMP_WORDS=({}); COMP_CWORD={}\n\
         _{} {} \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script("bash", words[0]),
        words.iter().map(|word| format!("'{word}' ")).collect::<String>(),
        words.len() - 1,
        words[0],
        words[0],
    );
    let ended = run(Command::new("bash").args(["--norc", "-c", &ask]));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{words:?}");
    ended.out.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_options() {
    if Command::new("bash").args(["-c", ":"]).output().is_err() {
        return;
    }
    assert_eq!(offered(&["mqadmin", "topicL"]), ["topicList"]);
    assert_eq!(offered(&["mqadmin", "help", "clusterL"]), ["clusterList"]);
    let options = offered(&["mqadmin", "topicList", "-"]);
    for option in ["-c", "--clusterModel", "-n", "--namesrvAddr", "-h", "--help", "--json"] {
        assert!(options.iter().any(|offer| offer == option), "{option}: {options:?}");
    }
    assert!(!options.iter().any(|offer| offer == "--version"), "{options:?}");
    assert_eq!(offered(&["mqbroker", "--print"]), ["--printImportantConfig", "--printConfigItem"]);
    assert_eq!(offered(&["mqshutdown", "n"]), ["namesrv"]);
}

/// Every shell of the machine reads its script; the others at least name the commands.
#[test]
fn every_shell_gets_a_script_that_it_can_read() {
    for shell in ["bash", "zsh", "fish"] {
        for program in PROGRAMS {
            let script = script(shell, program);
            assert!(script.contains(program), "{shell} {program}");
            let there = Command::new(shell).args(["-c", ":"]).output().is_ok();
            if there {
                let mut check = Command::new(shell);
                let option = if shell == "fish" { "--no-execute" } else { "-n" };
                let folder = tempfile::tempdir().unwrap();
                let file = folder.path().join("script");
                std::fs::write(&file, &script).unwrap();
                let ended = run(check.arg(option).arg(&file));
                assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{shell} {program}");
            }
        }
        assert!(script(shell, "mqadmin").contains("updateTopicPerm"), "{shell}");
    }
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let list = run(&mut rocketmq(&["man"]));
    assert_eq!((list.code, list.err.as_str()), (Some(0), ""));
    let pages: Vec<&str> = list.out.lines().collect();
    for page in ["mqadmin.1", "mqadmin-updateTopic.1", "mqbroker.8", "mqnamesrv.8"] {
        assert!(pages.contains(&page), "{page}: {pages:?}");
    }
    for page in pages {
        let Ended { code, out, err } = run(&mut rocketmq(&["man", page]));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{page}");
        let (name, section) = page.rsplit_once('.').unwrap();
        assert!(out.contains(&format!(".TH {name} {section}")), "{page}: {out}");
    }
    let without_section = run(&mut rocketmq(&["man", "mqbroker"]));
    assert!(without_section.out.contains("printImportantConfig"), "{}", without_section.out);
}

#[test]
fn what_is_asked_for_wrongly_is_told() {
    for words in [&["completion"][..], &["completion", "tcsh"], &["completion", "bash", "x"]] {
        let ended = run(&mut rocketmq(words));
        assert_eq!((ended.code, ended.out.as_str()), (Some(255), ""), "{words:?}");
        assert!(ended.err.starts_with("usage: rocketmq completion bash | zsh | fish"), "{words:?}");
    }
    let ended = run(&mut rocketmq(&["man", "mqnothing"]));
    assert_eq!((ended.code, ended.err.as_str()), (Some(255), "there is no page mqnothing\n"));
}
