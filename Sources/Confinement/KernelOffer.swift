import CConfinement

/// Tells what the running kernel has to confine a process.
package struct KernelOffer: Sendable, Hashable {
    /// The version of Landlock's interface; 0 where the kernel has none, or none that is switched on.
    package let landlock: Int
    /// Tells whether calls of the kernel can be refused one by one (seccomp).
    package let hasFilters: Bool

    package init(landlock: Int, hasFilters: Bool) {
        self.landlock = landlock
        self.hasFilters = hasFilters
    }

    /// The offer of the running kernel.
    package static let here = KernelOffer(landlock: max(Int(confinementLandlockVersion()), 0), hasFilters: confinementHasFilters() == 1)

    /// The first version of Landlock that refuses to cut files by their names, and the first that refuses connections.
    static let truncating = 3, connecting = 4, deviceControl = 5, scoped = 6

    /// Says what cannot be had here, and what that leaves open; empty where nothing is missing.
    package var missing: [String] {
        var missing: [String] = []
        if landlock == 0 {
            missing.append("Landlock: a worker can read and write whatever the daemon's user can (Linux 5.13, with landlock in `lsm=`)")
        } else if landlock < Self.connecting {
            // The filter refuses what Landlock does not.
            if !hasFilters { missing.append("Landlock of version 4, which refuses connections (Linux 6.7)") }
        }
        if !hasFilters { missing.append("seccomp: a worker can start programs and make connections") }
        return missing
    }
}
