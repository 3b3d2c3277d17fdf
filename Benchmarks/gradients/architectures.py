"""The 32 public architectures, with random weights, small where the architecture has a size to choose.

Each builder returns the module (in evaluation mode) and its example inputs by name; the first axis of every input is the batch.
"""

import torch
from torch import nn


def image(size, batch=2):
    return {"image": torch.randn(batch, 3, size, size)}


def tokens(vocabulary=1000, length=12, batch=2):
    return {
        "input_ids": torch.randint(0, vocabulary, (batch, length)),
        "attention_mask": torch.ones(batch, length, dtype=torch.long),
    }


class Tabular(nn.Module):
    """An embedding beside numeric columns, then BatchNorm, LayerNorm and GELU."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.body = nn.Sequential(
            nn.Linear(24, 64), nn.BatchNorm1d(64), nn.GELU(), nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU(), nn.Dropout(0.1)
        )
        self.head = nn.Linear(64, 3)

    def forward(self, numbers, category):
        return self.head(self.body(torch.cat([numbers, self.embedding(category)], 1)))


class Recurrent(nn.Module):
    """Tokens, two recurrent layers in both directions, the last step classified."""

    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.recurrent = kind(16, 24, num_layers=2, bidirectional=True, batch_first=True)
        self.head = nn.Linear(48, 4)

    def forward(self, input_ids):
        steps, _ = self.recurrent(self.embedding(input_ids))
        return self.head(steps[:, -1])


class UNet(nn.Module):
    """Three levels; instance normalization, transposed convolutions, PReLU and LeakyReLU, reflection padding, bilinear output."""

    def __init__(self, width=8):
        super().__init__()
        self.down = nn.ModuleList([self.block(3, width), self.block(width, 2 * width), self.block(2 * width, 4 * width)])
        self.up = nn.ModuleList(
            [nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2), nn.ConvTranspose2d(2 * width, width, 2, stride=2)]
        )
        self.merge = nn.ModuleList([self.block(4 * width, 2 * width), self.block(2 * width, width)])
        self.head = nn.Conv2d(width, 2, 1)

    @staticmethod
    def block(inputs, outputs):
        return nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3), nn.InstanceNorm2d(outputs, affine=True), nn.LeakyReLU(0.1),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.PReLU(outputs),
        )

    def forward(self, image):
        levels = []
        x = image
        for position, block in enumerate(self.down):
            x = block(x if position == 0 else nn.functional.max_pool2d(x, 2))
            levels.append(x)
        for up, merge, level in zip(self.up, self.merge, reversed(levels[:-1])):
            x = merge(torch.cat([up(x), level], 1))
        return nn.functional.interpolate(self.head(x), scale_factor=2.0, mode="bilinear", align_corners=False)


class Segmenter(nn.Module):
    """A network that answers with a dictionary, reduced to its one tensor."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, image):
        return self.module(image)["out"]


class Encoder(nn.Module):
    """Token models as they are exported: identifiers and mask in, one tensor out."""

    def __init__(self, module, key):
        super().__init__()
        self.module = module
        self.key = key

    def forward(self, input_ids, attention_mask):
        return getattr(self.module(input_ids=input_ids, attention_mask=attention_mask), self.key)


class Sequence2Sequence(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, input_ids, attention_mask, decoder_input_ids):
        return self.module(
            input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids, use_cache=False
        ).logits


class Contrastive(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, input_ids, attention_mask, image):
        result = self.module(input_ids=input_ids, attention_mask=attention_mask, pixel_values=image)
        return result.logits_per_image


class Whisper(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, mel):
        return self.module(mel).last_hidden_state


class Detector(nn.Module):
    """A YOLO network in evaluation mode: decoded boxes and scores as one tensor."""

    def __init__(self, module):
        super().__init__()
        self.module = module
        self.module.model[-1].export = True
        self.module.model[-1].format = "onnx"

    def forward(self, image):
        result = self.module(image)
        return result[0] if isinstance(result, (list, tuple)) else result


def vision(name, size=64, **options):
    def build():
        import torchvision

        return getattr(torchvision.models, name)(weights=None, num_classes=10, **options), image(size)

    return build


def narrow_vgg():
    import torchvision

    module = torchvision.models.vgg11_bn(weights=None, num_classes=10)
    module.classifier = nn.Sequential(nn.Linear(512 * 7 * 7, 64), nn.ReLU(True), nn.Dropout(), nn.Linear(64, 10))
    return module, image(224)


def inception():
    import torchvision

    return torchvision.models.inception_v3(weights=None, num_classes=10, aux_logits=False, init_weights=False), image(96)


def segmentation(name):
    def build():
        import torchvision

        module = getattr(torchvision.models.segmentation, name)(weights=None, weights_backbone=None, num_classes=4)
        return Segmenter(module), image(64)

    return build


def swin():
    import torchvision

    module = torchvision.models.SwinTransformer(
        patch_size=[4, 4], embed_dim=24, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=10
    )
    return module, image(64)


def vit_torchvision():
    import torchvision

    return torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=3, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=10
    ), image(32)


def timm_model(name, size=64, **options):
    def build():
        import timm

        return timm.create_model(name, pretrained=False, num_classes=10, **options), image(size)

    return build


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=1000, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128)
    return Encoder(BertForSequenceClassification(config), "logits"), tokens()


def distilbert():
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    config = DistilBertConfig(vocab_size=1000, dim=64, n_layers=2, n_heads=4, hidden_dim=128)
    return Encoder(DistilBertForSequenceClassification(config), "logits"), tokens()


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=1000, n_positions=64, n_embd=64, n_layer=2, n_head=4, use_cache=False)
    return Encoder(GPT2LMHeadModel(config), "logits"), tokens()


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=1000, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=64, use_cache=False,
    )
    return Encoder(LlamaForCausalLM(config), "logits"), tokens()


def t5():
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(
        vocab_size=1000, d_model=64, d_kv=16, d_ff=128, num_layers=2, num_decoder_layers=2, num_heads=4, use_cache=False,
        decoder_start_token_id=0, attn_implementation="eager",
    )
    inputs = tokens()
    inputs["decoder_input_ids"] = torch.randint(0, 1000, (2, 7))
    return Sequence2Sequence(T5ForConditionalGeneration(config)), inputs


def clip():
    from transformers import CLIPConfig, CLIPModel

    text = dict(vocab_size=1000, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                max_position_embeddings=32, eos_token_id=999, bos_token_id=998, pad_token_id=0)
    sight = dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8)
    module = CLIPModel(CLIPConfig(text_config=text, vision_config=sight, projection_dim=32))
    inputs = tokens()
    inputs["input_ids"][:, -1] = 999
    inputs.update(image(32))
    return Contrastive(module), inputs


def whisper():
    from transformers import WhisperConfig, WhisperModel

    config = WhisperConfig(
        vocab_size=200, d_model=64, encoder_layers=2, encoder_attention_heads=4, decoder_layers=1, decoder_attention_heads=4,
        encoder_ffn_dim=128, decoder_ffn_dim=128, max_source_positions=50, num_mel_bins=80, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None, begin_suppress_tokens=None,
    )
    return Whisper(WhisperModel(config).encoder), {"mel": torch.randn(2, 80, 100)}


def yolo(name):
    def build():
        from ultralytics.nn.tasks import DetectionModel

        return Detector(DetectionModel(name + ".yaml", verbose=False)), image(64)

    return build


ARCHITECTURES = {
    "tabular-mlp": lambda: (Tabular(), {"numbers": torch.randn(4, 16), "category": torch.randint(0, 20, (4,))}),
    "resnet50": vision("resnet50"),
    "mobilenet-v2": vision("mobilenet_v2"),
    "mobilenet-v3-small": vision("mobilenet_v3_small"),
    "efficientnet-b0": vision("efficientnet_b0"),
    "convnext": timm_model("convnext_atto"),
    "densenet121": vision("densenet121"),
    "vgg11-bn": narrow_vgg,
    "squeezenet": vision("squeezenet1_1"),
    "inception-v3": inception,
    "shufflenet-v2": vision("shufflenet_v2_x0_5"),
    "regnet-y": vision("regnet_y_400mf"),
    "vit-torchvision": vit_torchvision,
    "vit-timm": timm_model("vit_tiny_patch16_224", img_size=64, depth=3),
    "swin": swin,
    "deeplab-v3": segmentation("deeplabv3_mobilenet_v3_large"),
    "fcn": segmentation("fcn_resnet50"),
    "bert": bert,
    "distilbert": distilbert,
    "gpt2": gpt2,
    "llama": llama,
    "t5": t5,
    "clip": clip,
    "whisper-encoder": whisper,
    "lstm": lambda: (Recurrent(nn.LSTM), {"input_ids": torch.randint(0, 50, (3, 7))}),
    "gru": lambda: (Recurrent(nn.GRU), {"input_ids": torch.randint(0, 50, (3, 7))}),
    "unet": lambda: (UNet(), image(32)),
    "yolov8n": yolo("yolov8n"),
    "yolo11n": yolo("yolo11n"),
    "mobilevit": timm_model("mobilevit_xxs"),
    "efficientformer": timm_model("efficientformer_l1", size=224),
    "mixer": timm_model("mixer_s32_224", size=224),
}


def build(name):
    """The module with every statistic, scale and bias random, as in a trained model, and its inputs; the same each time. (Equal parameters,
    as modules begin with, would be merged by the exporters.)"""
    torch.manual_seed(sum(name.encode()))
    module, inputs = ARCHITECTURES[name]()
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)) and part.weight is not None:
            with torch.no_grad():
                part.weight.uniform_(0.8, 1.2, generator=generator)
                part.bias.normal_(0, 0.1, generator=generator)
                if part.running_mean is not None:
                    part.running_mean.normal_(0, 0.1, generator=generator)
                    part.running_var.uniform_(0.8, 1.2, generator=generator)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all()):
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return module.eval(), inputs
