// swift-tools-version: 6.2
// libFuzzer over the readers of formats, apart from the package that everybody builds: `make fuzz` (Tests/README.md).
import PackageDescription

let libraries = Context.packageDirectory + "/../../.deps/lib"

let package = Package(
    name: "millrace-fuzzing",
    dependencies: [.package(name: "millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "fuzz", dependencies: [.product(name: "FuzzTargets", package: "millrace")],
            // libFuzzer brings the main function.
            swiftSettings: [.unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", libraries])])
    ])
