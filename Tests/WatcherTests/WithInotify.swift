import Testing

/// Suites that use the process's one inotify instance, one test at a time: a test that floods its queue floods everyone's.
@Suite(.serialized) enum WithInotify {}
