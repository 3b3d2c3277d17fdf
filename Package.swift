// swift-tools-version: 6.2
import PackageDescription

// Native libraries live in .deps, put there by Scripts/setup; SwiftPM wants the .pc by absolute path.
let deps = Context.packageDirectory + "/.deps"
let nativeLibraries: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib/millrace",  // make install
        "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../../../.deps/lib",  // .build/<triple>/<configuration>/
        "-Xlinker", "-rpath", "-Xlinker", deps + "/lib",  // any other --scratch-path
    ])
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

/// A test target beside every target of ours, able to reach its dependencies too.
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies,
        exclude: exclude, linkerSettings: nativeLibraries)
}

let package = Package(
    name: "millrace",
    products: [
        .executable(name: "millrace", targets: ["millrace"]),
        .executable(name: "millrace-worker", targets: ["millrace-worker"]),
        // Only for the package in Tests/Fuzzing.
        .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // The C side.
        .systemLibrary(name: "CInotifyTools", pkgConfig: deps + "/pkgconfig/millrace-inotifytools.pc"),
        .systemLibrary(name: "COnnxRuntime", pkgConfig: deps + "/pkgconfig/millrace-onnxruntime.pc"),
        .systemLibrary(name: "CArrowDeps", pkgConfig: deps + "/pkgconfig/millrace-arrow.pc"),
        .systemLibrary(name: "COpenSSL", pkgConfig: deps + "/pkgconfig/millrace-openssl.pc"),
        .target(name: "CArrow", dependencies: ["CArrowDeps"]),
        .target(name: "COpenVINO"),
        .target(name: "CConfinement"),

        // Names of files, columns and values, as keys.
        .target(name: "Names"),
        // What every part of the file half says of a file that arrives: where it is, its stamp, its digest, its role, when.
        .target(name: "Arrivals", dependencies: ["Names"]),
        // Why something is refused or failed, with the values of cells apart; the catalogue of rules.
        .target(name: "Reasons", exclude: ["README.md"]),

        // What a pipeline says of rows and of training: schema, losses, optimizers, schedules, metrics and their keys.
        .target(name: "Recipes", dependencies: ["Names"]),

        // What the kernel tells of the machine: its memory, its processor.
        .target(name: "Machine"),

        // Files, folders, digests, mounts: the system calls.
        .target(name: "FileSystem", dependencies: ["Arrivals", "Reasons", system, crypto]),

        // Keys, and signatures of files by their digests.
        .target(name: "Signatures", dependencies: [crypto]),

        // What the kernel takes from a process that computes.
        .target(name: "Confinement", dependencies: ["CConfinement"]),

        // The wire format of ONNX models, which the file half looks at too.
        .target(name: "ONNXWire"),

        // The model half.
        .target(name: "Tensors", dependencies: ["Machine"]),
        .target(name: "ONNXProto", dependencies: [protobuf], exclude: ["onnx.proto"]),
        .target(
            name: "ONNX",
            dependencies: ["FileSystem", "Machine", "Names", "Reasons", "Tensors", "ONNXProto", "ONNXWire", protobuf, system]),
        .target(name: "Passes", dependencies: ["ONNX", "Recipes", "Tensors"]),
        .target(name: "Quantization", dependencies: ["ONNX", "Passes", "Tensors"]),
        .target(name: "Autodiff", dependencies: ["ONNX", "Passes", "Tensors"]),
        .target(name: "TrainingGraph", dependencies: ["Autodiff", "Names", "ONNX", "Passes", "Recipes", "Tensors"]),
        .target(name: "Engine", dependencies: ["Machine", "Names", "ONNXWire", "Reasons", "Tensors", "COnnxRuntime", "COpenVINO"]),

        // The file half.
        .target(name: "Columnar", dependencies: ["Machine", "Names", "Reasons", "Recipes", "Tensors", "CArrow", crypto]),
        .target(
            name: "Watcher",
            dependencies: ["Arrivals", "FileSystem", "Names", "ONNXWire", "Reasons", "Signatures", "CInotifyTools", heap, system, logging]),
        .target(name: "Landing", dependencies: ["Arrivals", "FileSystem", "Reasons", "Recipes", "Signatures", system]),
        .target(name: "Ledger", dependencies: ["Arrivals", "FileSystem", "Machine", "Names", "Reasons", grdb, system]),
        .target(name: "PipelineConfig", dependencies: ["Arrivals", "Names", "Reasons", "Recipes", "Signatures", yams, crypto]),

        // What an attempt is told and what it answers, between the daemon and what computes.
        .target(name: "Attempts", dependencies: ["Arrivals", "FileSystem", "Machine", "Reasons", "Recipes", "PipelineConfig", system]),

        // The connection between the daemon and a worker, and the daemon's side of it.
        .target(name: "WorkerProtocol", dependencies: ["Arrivals", "Attempts", "FileSystem", "Machine", "PipelineConfig", "Recipes"]),
        .target(
            name: "WorkerProcesses",
            dependencies: [
                "Arrivals", "Attempts", "FileSystem", "Machine", "PipelineConfig", "Reasons", "Recipes", "WorkerProtocol", system,
            ]),

        // Workers on other machines: who starts them, how they join, and what is handed to them.
        .target(
            name: "Nodes",
            dependencies: [
                "Arrivals", "Attempts", "FileSystem", "Landing", "Machine", "PipelineConfig", "Reasons", "Recipes", "WorkerProcesses",
                "WorkerProtocol", "COpenSSL", crypto, system,
            ]),

        // Where the halves meet.
        .target(
            name: "Training",
            dependencies: [
                "Machine", "Names", "Reasons", "Recipes", "Tensors", "ONNX", "Passes", "Autodiff", "TrainingGraph", "Engine", "Columnar",
                "FileSystem",
                crypto, system,
            ]),
        .target(
            name: "Deployment",
            dependencies: ["Arrivals", "Attempts", "FileSystem", "Machine", "PipelineConfig", "Recipes", system]),
        .target(
            name: "Runner",
            dependencies: [
                "Arrivals", "Machine", "Names", "Reasons", "Recipes", "Tensors", "ONNX", "Passes", "Quantization", "Autodiff",
                "TrainingGraph", "Engine", "Columnar", "Training",
                "FileSystem", "PipelineConfig", "Attempts", "WorkerProtocol", system,
            ]),
        .target(
            name: "Daemon",
            dependencies: [
                "Arrivals", "Attempts", "Deployment", "FileSystem", "Machine", "Names", "Reasons", "Recipes", "Signatures", "Watcher",
                "Ledger", "Landing", "PipelineConfig",
                logging, serviceLifecycle, system,
            ]),
        .target(
            name: "Reports",
            dependencies: [
                "Arrivals", "Confinement", "FileSystem", "Machine", "Reasons", "Recipes", "Signatures", "Watcher", "Ledger",
                "Landing", "PipelineConfig", system,
            ]),
        // What both programs show and take on the command line.
        .target(name: "Terminal", dependencies: ["Ledger", "PipelineConfig", "Reasons", "Recipes", "Reports", argumentParser]),
        .executableTarget(
            name: "millrace",
            dependencies: [
                "Arrivals", "Attempts", "Confinement", "Daemon", "FileSystem", "Landing", "Ledger", "PipelineConfig", "Reasons", "Reports",
                "Signatures", "Terminal",
                "Nodes", "Watcher", "WorkerProcesses", "WorkerProtocol", argumentParser, logging, serviceLifecycle, system, unixSignals,
            ], exclude: ["README.md"], linkerSettings: nativeLibraries),
        .executableTarget(
            name: "millrace-worker",
            dependencies: [
                "Arrivals", "Attempts", "Autodiff", "Columnar", "Confinement", "Deployment", "Engine", "FileSystem", "Landing", "Machine",
                "Names", "ONNX",
                "Passes", "PipelineConfig", "Reasons", "Recipes", "Reports", "Runner", "Tensors", "Terminal", "Training", "TrainingGraph",
                "Watcher", "WorkerProcesses", "WorkerProtocol", argumentParser, system,
            ], linkerSettings: nativeLibraries),

        // Times training steps, for Benchmarks/training.
        .executableTarget(
            name: "step-timer", dependencies: ["TrainingGraph", "Engine", "Machine", "ONNX", "Recipes", "Tensors"],
            path: "Benchmarks/training/StepTimer",
            linkerSettings: nativeLibraries),

        // Tests: one target per target.
        .target(name: "TestSupport", dependencies: ["Arrivals"], path: "Tests/TestSupport"),
        .target(name: "ModelSupport", dependencies: ["ONNX", "Tensors", "TestSupport"], path: "Tests/ModelSupport"),
        .target(
            name: "AttemptSupport", dependencies: ["Attempts", "FileSystem", "PipelineConfig", "Recipes", "TestSupport", system],
            path: "Tests/AttemptSupport"),
        .target(name: "LedgerSupport", dependencies: ["Arrivals", "Ledger"], path: "Tests/LedgerSupport"),
        .target(
            name: "ConformanceSupport", dependencies: ["Engine", "ONNXProto", "Tensors", protobuf], path: "Tests/ConformanceSupport"),
        // The formats that are fuzzed, and how: for the tests, and for libFuzzer in Tests/Fuzzing, which is a package of its own.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Arrivals", "Attempts", "Columnar", "Machine", "Names", "ONNX", "PipelineConfig", "Recipes", "Tensors", "TestSupport",
                "Training",
                "Watcher", "WorkerProtocol",
            ], path: "Tests/FuzzTargets"),
        .testTarget(
            name: "FuzzingTests", dependencies: ["FuzzTargets"], path: "Tests/FuzzingTests", exclude: ["Found"],
            linkerSettings: nativeLibraries),
        tests("Arrivals", []),
        tests("Names", []),
        tests("Reasons", []),
        tests("Machine", ["Tensors"]),
        // Tries what a hostile model would try, in a process of its own.
        .executableTarget(name: "confined-probe", dependencies: ["Confinement"], path: "Tests/ConfinedProbe"),
        tests("Confinement", ["confined-probe"]),
        tests("Recipes", []),
        tests("ONNXWire", []),
        tests("Tensors", []),
        tests("ONNX", ["ModelSupport", "Tensors", "ONNXProto", protobuf]),
        tests(
            "Engine", ["ConformanceSupport", "Names", "Reasons", "Tensors", "ONNX"],
            exclude: ["Fixtures", "make-fixtures.py", "expected-failures.txt", "expected-failures-openvino.txt"]),
        tests(
            "Passes", ["ConformanceSupport", "ONNX", "Engine", "Recipes", "Tensors"],
            exclude: ["conformance-exceptions.txt", "Classic", "Fused"]),
        tests("Quantization", ["ConformanceSupport", "Engine", "ONNX", "Tensors"], exclude: ["judge.py"]),
        tests(
            "Autodiff", ["ConformanceSupport", "Passes", "ONNX", "Engine", "Tensors"], exclude: ["conformance-exceptions.txt"]),
        tests("TrainingGraph", ["ConformanceSupport", "Autodiff", "Passes", "ONNX", "Engine", "Recipes", "Tensors"], exclude: ["Golden"]),
        tests(
            "Training",
            ["FileSystem", "TrainingGraph", "Passes", "ONNX", "Columnar", "Machine", "Names", "Reasons", "Recipes", "Tensors", system],
            exclude: ["Fixtures", "make-fixtures.py"]),
        tests(
            "Columnar", ["CArrow", "Names", "Reasons", "Recipes", "Tensors"],
            exclude: ["Fixtures", "Frames", "make-fixtures.py", "make-frames.py"]),
        tests("Attempts", ["PipelineConfig", "Reasons", "Recipes"]),
        tests("WorkerProtocol", ["Arrivals", "Attempts", "FileSystem", "Machine", "PipelineConfig", "Reasons", "Recipes"]),
        tests(
            "WorkerProcesses",
            [
                "AttemptSupport", "Attempts", "FileSystem", "Machine", "ModelSupport", "ONNX", "PipelineConfig", "Reasons", "Recipes",
                "Runner", "WorkerProtocol",
                "millrace-worker", system,
            ]),
        tests(
            "Nodes",
            [
                "Arrivals", "AttemptSupport", "Attempts", "FileSystem", "Landing", "Machine", "PipelineConfig", "Reasons", "Recipes",
                "Runner",
                "WorkerProcesses",
                "WorkerProtocol", "millrace", "millrace-worker", system,
            ]),
        tests("FileSystem", [system]),
        tests("Signatures", ["FileSystem"], exclude: ["Bundles"]),
        tests("Watcher", ["Arrivals", "Names", "Reasons", "Signatures", logging], exclude: ["Traces"]),
        tests("Landing", ["Arrivals", "FileSystem", "Reasons", "Signatures", system]),
        tests("Ledger", ["Arrivals", "LedgerSupport", "Machine", "Reasons", grdb]),
        tests("PipelineConfig", ["Arrivals", "Reasons", "Recipes", "Signatures"]),
        tests("Deployment", ["Attempts", "FileSystem", "Machine", "PipelineConfig", "Reasons", "Recipes"]),
        tests(
            "Runner",
            [
                "ConformanceSupport", "Arrivals", "Attempts", "Machine", "ModelSupport", "Reasons", "Recipes", "Tensors", "ONNX", "Engine",
                "Columnar", "FileSystem", "PipelineConfig", system,
            ]),
        tests(
            "Daemon",
            [
                "Arrivals", "Attempts", "Deployment", "FileSystem", "Machine", "Reasons", "Recipes", "Signatures", "Watcher", "Ledger",
                "LedgerSupport", "Landing",
                "PipelineConfig", system, logging,
            ]),
        tests("Reports", ["Arrivals", "FileSystem", "Machine", "Reasons", "Ledger", "Landing", "PipelineConfig", system]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Arrivals", "Attempts", "ConformanceSupport", "FileSystem", "ModelSupport", "TestSupport", "Reasons", "Recipes", "Tensors",
                "ONNX", "Engine", "Columnar",
                "Training", "Landing", "Ledger", "PipelineConfig", "Runner", "Signatures", "Terminal", "WorkerProcesses", "WorkerProtocol",
                "millrace",
                "millrace-worker", "confined-probe", system,
            ],
            exclude: [
                "Diff", "ExternalData", "Hostile/hostile.py", "Hostile/make-models.py", "Hostile/make-tables.py", "Hostile/models",
                "Hostile/tables", "Init", "Metric", "RevisionOneRoot",
                "SchemaFiveRoot", "Zoo",
            ], linkerSettings: nativeLibraries),
    ],
    cxxLanguageStandard: .cxx20)

// `make test-release` builds the tests of a few targets, and what these use: an optimized build of all takes long on two cores.
if let only = Context.environment["MILLRACE_TESTS"] {
    var wanted = only.split(separator: ",").map { "\($0)Tests" }, needed: Set<String> = []
    while let name = wanted.popLast() {
        guard needed.insert(name).inserted, let target = package.targets.first(where: { $0.name == name }) else { continue }
        for case .byNameItem(let name, _) in target.dependencies { wanted.append(name) }
        for case .targetItem(let name, _) in target.dependencies { wanted.append(name) }
    }
    package.targets.removeAll { !needed.contains($0.name) }
    package.products = []
}

for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings = [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
    ]
}
