package import ArgumentParser

package struct Merge: ComputingCommand {
    package static let configuration = CommandConfiguration(
        abstract: "Make one plain model of a model and an adapter that was trained beside it.",
        discussion: """
            OUT is MODEL with the products of the adapter's factors added to its weights, and nothing else changed; it loads wherever \
            MODEL does. OUT appears whole or not at all.
            """)

    @Argument(help: "The model that the adapter was trained beside.", completion: .file()) package var model: String
    @Argument(help: "The adapter, as optimize and pipelines with merge: false write it.", completion: .file()) package var adapter: String
    @Argument(help: "Where the merged model goes. Above 2 GiB the weights go beside it as OUT.data.", completion: .file()) package var out:
        String
    @Flag(name: .long, help: "Replace OUT where it is there.") package var force = false

    package init() {}
}
