import Attempts

/// Holds what each stage of an attempt works with: what was ordered, who opens its files, who loads its models, and who ends it.
struct AttemptTools {
    let spec: AttemptSpec
    let opener: any AttemptFiles
    let models: ModelLoader
    let interruption: Interruption
}
