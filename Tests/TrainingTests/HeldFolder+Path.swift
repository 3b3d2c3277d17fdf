import FileSystem
import SystemPackage
import TestSupport

/// Holds a folder of a test, which is made where it is missing.
func heldFolder(_ path: String) throws -> HeldFolder { try HeldFolder(making: FilePath(path)) }
