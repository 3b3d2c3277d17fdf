/// Checks images: PNG ends with an IEND chunk, JPEG with an end-of-image marker.
enum ImageCheck {
    private static let pngHead: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    private static let pngEnd: [UInt8] = [0, 0, 0, 0, 0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82]

    static func checkPNG(_ file: inout SealedFile) -> FormatCheck.Result {
        guard file.has(pngHead, at: 0) else { return .incomplete("it does not begin like a PNG file") }
        guard file.size >= 20, file.has(pngEnd, at: file.size - 12) else { return .incomplete("the PNG's IEND chunk is missing") }
        return .whole(companions: [])
    }

    static func checkJPEG(_ file: inout SealedFile) -> FormatCheck.Result {
        guard file.has([0xFF, 0xD8, 0xFF], at: 0) else { return .incomplete("it does not begin like a JPEG file") }
        guard file.size >= 5, file.has([0xFF, 0xD9], at: file.size - 2) else {
            return .incomplete("the JPEG's end-of-image marker is missing")
        }
        return .whole(companions: [])
    }
}
