/// Says whether workers are confined: whether the kernel refuses them whatever computing does not need, as to open files by their names, to
/// connect, or to start programs.
package enum ConfinementMode: String, Sendable, CaseIterable {
    /// Nothing runs where the kernel cannot.
    case required
    /// They are as far as the kernel can.
    case auto
    case off
}
