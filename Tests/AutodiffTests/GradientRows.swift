import ONNX
import Tensors

enum GradientRows {
    static let all =
        arithmetic + activations + products + convolutions + pooling + normalization + layout + indexing + reductions + losses + recurrent
        + recurrentLayers + otherActivations + causalConvolutions + sampling
}
