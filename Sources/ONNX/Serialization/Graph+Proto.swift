import ONNXProto
import SwiftProtobuf

// These functions turn the wire form into values and back. Nothing is lost either way: fields that the values do not show are kept.

extension OperatorSet {
    init(_ proto: Onnx_OperatorSetIdProto) {
        self.init(
            domain: proto.hasDomain ? proto.domain : nil, version: proto.hasVersion ? proto.version : nil,
            unknownFields: proto.unknownFields)
    }

    var proto: Onnx_OperatorSetIdProto {
        .with {
            if let domain = $domain { $0.domain = domain }
            if let version = $version { $0.version = version }
            $0.unknownFields = unknownFields
        }
    }
}

extension Node {
    init(_ proto: Onnx_NodeProto) {
        inputs = proto.input
        outputs = proto.output
        attributes = proto.attribute.map(Attribute.init)
        $name = proto.hasName ? proto.name : nil
        $operatorType = proto.hasOpType ? proto.opType : nil
        $domain = proto.hasDomain ? proto.domain : nil
        $overload = proto.hasOverload ? proto.overload : nil
        $docString = proto.hasDocString ? proto.docString : nil
        metadata = Metadata(proto.metadataProps)
        deviceConfigurations = proto.deviceConfigurations
        unknownFields = proto.unknownFields
    }

    var proto: Onnx_NodeProto {
        .with {
            $0.input = inputs
            $0.output = outputs
            $0.attribute = attributes.map(\.proto)
            if let name = $name { $0.name = name }
            if let type = $operatorType { $0.opType = type }
            if let domain = $domain { $0.domain = domain }
            if let overload = $overload { $0.overload = overload }
            if let docString = $docString { $0.docString = docString }
            $0.metadataProps = metadata.entries
            $0.deviceConfigurations = deviceConfigurations
            $0.unknownFields = unknownFields
        }
    }
}

extension Graph {
    init(_ proto: Onnx_GraphProto) {
        nodes = proto.node.map(Node.init)
        inputs = proto.input.map(Value.init)
        outputs = proto.output.map(Value.init)
        values = proto.valueInfo.map(Value.init)
        initializers = proto.initializer.map(StoredTensor.init)
        sparseInitializers = proto.sparseInitializer.map(SparseTensor.init)
        $name = proto.hasName ? proto.name : nil
        $docString = proto.hasDocString ? proto.docString : nil
        metadata = Metadata(proto.metadataProps)
        quantizationAnnotations = proto.quantizationAnnotation
        unknownFields = proto.unknownFields
    }

    var proto: Onnx_GraphProto {
        .with {
            $0.node = nodes.map(\.proto)
            $0.input = inputs.map(\.proto)
            $0.output = outputs.map(\.proto)
            $0.valueInfo = values.map(\.proto)
            $0.initializer = initializers.map(\.proto)
            $0.sparseInitializer = sparseInitializers.map(\.proto)
            if let name = $name { $0.name = name }
            if let docString = $docString { $0.docString = docString }
            $0.metadataProps = metadata.entries
            $0.quantizationAnnotation = quantizationAnnotations
            $0.unknownFields = unknownFields
        }
    }
}

extension Function {
    init(_ proto: Onnx_FunctionProto) {
        inputs = proto.input
        outputs = proto.output
        nodes = proto.node.map(Node.init)
        requiredAttributes = proto.attribute
        defaultedAttributes = proto.attributeProto.map(Attribute.init)
        operatorSets = proto.opsetImport.map(OperatorSet.init)
        values = proto.valueInfo.map(Value.init)
        $name = proto.hasName ? proto.name : nil
        $domain = proto.hasDomain ? proto.domain : nil
        $overload = proto.hasOverload ? proto.overload : nil
        $docString = proto.hasDocString ? proto.docString : nil
        metadata = Metadata(proto.metadataProps)
        unknownFields = proto.unknownFields
    }

    var proto: Onnx_FunctionProto {
        .with {
            $0.input = inputs
            $0.output = outputs
            $0.node = nodes.map(\.proto)
            $0.attribute = requiredAttributes
            $0.attributeProto = defaultedAttributes.map(\.proto)
            $0.opsetImport = operatorSets.map(\.proto)
            $0.valueInfo = values.map(\.proto)
            if let name = $name { $0.name = name }
            if let domain = $domain { $0.domain = domain }
            if let overload = $overload { $0.overload = overload }
            if let docString = $docString { $0.docString = docString }
            $0.metadataProps = metadata.entries
            $0.unknownFields = unknownFields
        }
    }
}

extension TrainingInfo {
    init(_ proto: Onnx_TrainingInfoProto) {
        initialization = proto.hasInitialization ? Graph(proto.initialization) : nil
        algorithm = proto.hasAlgorithm ? Graph(proto.algorithm) : nil
        initializationBinding = Metadata(proto.initializationBinding)
        updateBinding = Metadata(proto.updateBinding)
        unknownFields = proto.unknownFields
    }

    var proto: Onnx_TrainingInfoProto {
        .with {
            if let initialization { $0.initialization = initialization.proto }
            if let algorithm { $0.algorithm = algorithm.proto }
            $0.initializationBinding = initializationBinding.entries
            $0.updateBinding = updateBinding.entries
            $0.unknownFields = unknownFields
        }
    }
}

extension Model {
    init(_ proto: Onnx_ModelProto) {
        self.init(
            operatorSets: proto.opsetImport.map(OperatorSet.init), graph: proto.hasGraph ? Graph(proto.graph) : nil)
        $irVersion = proto.hasIrVersion ? proto.irVersion : nil
        $producerName = proto.hasProducerName ? proto.producerName : nil
        $producerVersion = proto.hasProducerVersion ? proto.producerVersion : nil
        $domain = proto.hasDomain ? proto.domain : nil
        $modelVersion = proto.hasModelVersion ? proto.modelVersion : nil
        $docString = proto.hasDocString ? proto.docString : nil
        metadata = Metadata(proto.metadataProps)
        functions = proto.functions.map(Function.init)
        trainingInfo = proto.trainingInfo.map(TrainingInfo.init)
        deviceConfigurations = proto.configuration
        unknownFields = proto.unknownFields
    }

    var proto: Onnx_ModelProto {
        .with {
            if let irVersion = $irVersion { $0.irVersion = irVersion }
            if let producerName = $producerName { $0.producerName = producerName }
            if let producerVersion = $producerVersion { $0.producerVersion = producerVersion }
            if let domain = $domain { $0.domain = domain }
            if let modelVersion = $modelVersion { $0.modelVersion = modelVersion }
            if let docString = $docString { $0.docString = docString }
            if hasGraph { $0.graph = graph.proto }
            $0.opsetImport = operatorSets.map(\.proto)
            $0.metadataProps = metadata.entries
            $0.trainingInfo = trainingInfo.map(\.proto)
            $0.functions = functions.map(\.proto)
            $0.configuration = deviceConfigurations
            $0.unknownFields = unknownFields
        }
    }
}
