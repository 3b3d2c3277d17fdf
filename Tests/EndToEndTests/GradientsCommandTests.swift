import Foundation
import TestSupport
import Testing

/// `backward` and `gradients` over a copy of the sample `digits`.
@Suite struct GradientsCommandTests {
    @Test func backwardWritesOneArrayForEachInitializer() throws {
        let directory = try DigitsSample.copy()
        let shared =
            ["backward", directory("undertrained.onnx"), directory("labelled.csv")] + DigitsSample.options
            + ["--loss", "cross_entropy", "--prediction", "logits"]
        for name in ["grads.npz", "grads.safetensors"] {
            let answer = try DaemonProcess.command(shared + ["--out", directory(name), "--json"])
            #expect(answer.status == 0, "\(answer.error)")
            #expect(answer.output.contains("\"rows\" : 397"))
        }
        let again = try DaemonProcess.command(shared + ["--out", directory("again.npz"), "--batch-size", "100"])
        #expect(again.status == 0 && again.output.contains("397 rows"), "\(again.error)")
        let there = try DaemonProcess.command(shared + ["--out", directory("again.npz")])
        #expect(there.status == 1 && there.error.contains("give --force"))
        let both = try DaemonProcess.command(shared + ["--out", directory("b.npz"), "--cotangent", directory("grads.npz")])
        #expect(both.status == 2)
    }

    @Test func gradientsListsWhatCanBeTrained() throws {
        let directory = try DigitsSample.copy()
        let list = try DaemonProcess.command(["gradients", directory("undertrained.onnx"), "--list"])
        #expect(list.status == 0, "\(list.error)")
        #expect(list.output.contains("Conv") && list.output.contains("trainable"))
        let json = try DaemonProcess.command(["gradients", directory("undertrained.onnx"), "--json"])
        #expect(json.output.contains("\"type\" : \"Conv\""))
        try directory.write(TinyModel.unknownOperator(), to: "odd.onnx")
        let odd = try DaemonProcess.command(["gradients", directory("odd.onnx"), "--list"])
        #expect(odd.status == 1)
    }
}
