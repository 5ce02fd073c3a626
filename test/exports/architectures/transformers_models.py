"""transformers: reduced configurations, whole graphs. Dynamic batch and length."""

import torch
import transformers as hf

from . import add

ENCODER = dict(vocab_size=200, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, max_position_embeddings=64)
DECODER = dict(vocab_size=200, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=96, max_position_embeddings=64)
SIZES = (dict(batch=2, length=7), dict(batch=1, length=11))


class Wrap(torch.nn.Module):
    """Inputs by position, outputs as a tuple of the wanted names."""

    def __init__(self, net, inputs, outputs, **fixed):
        super().__init__()
        self.net, self.names, self.wanted, self.fixed = net, inputs, outputs, fixed

    def forward(self, *values):
        result = self.net(**dict(zip(self.names, values)), **self.fixed)
        got = tuple(getattr(result, name) for name in self.wanted)
        return got if len(got) > 1 else got[0]


def tokens(batch, length):
    mask = torch.ones(batch, length, dtype=torch.int64)
    mask[0, length - 2:] = 0
    return dict(input_ids=torch.randint(3, 200, (batch, length)), attention_mask=mask)


TOKENS = dict(input_ids={0: "batch", 1: "length"}, attention_mask={0: "batch", 1: "length"})


def text(name, make, output, sizes=SIZES, **fields):
    names = ("input_ids", "attention_mask")
    outputs = output if isinstance(output, tuple) else (output,)
    add("hf_" + name, lambda: Wrap(make(), names, outputs, use_cache=False) if fields_use_cache(make) else Wrap(make(), names, outputs),
        tokens, dynamic=TOKENS, sizes=sizes, outputs=len(outputs), **fields)


def fields_use_cache(make):
    return getattr(make, "causal", False)


def causal(make):
    make.causal = True
    return make


def config(kind, **more):
    """The class's configuration with attention written out, as exporters need it."""
    made = getattr(hf, kind)(**more)
    made._attn_implementation = "eager"
    return made


text("bert", lambda: hf.BertModel(config("BertConfig", **ENCODER)), ("last_hidden_state", "pooler_output"))
text("bert_classifier", lambda: hf.BertForSequenceClassification(config("BertConfig", **ENCODER)), "logits")
text("distilbert", lambda: hf.DistilBertModel(config("DistilBertConfig", vocab_size=200, dim=48, n_layers=2, n_heads=4, hidden_dim=96, max_position_embeddings=64)), "last_hidden_state")
text("roberta", lambda: hf.RobertaModel(config("RobertaConfig", **ENCODER)), "last_hidden_state")
text("electra", lambda: hf.ElectraModel(config("ElectraConfig", embedding_size=32, **ENCODER)), "last_hidden_state")
text("albert", lambda: hf.AlbertModel(config("AlbertConfig", embedding_size=32, **ENCODER)), "last_hidden_state")
text("mpnet", lambda: hf.MPNetModel(config("MPNetConfig", **ENCODER)), "last_hidden_state")
text("deberta_v2", lambda: hf.DebertaV2Model(config("DebertaV2Config", relative_attention=True, pos_att_type=["p2c", "c2p"], **ENCODER)), "last_hidden_state")
text("modernbert", lambda: hf.ModernBertModel(config("ModernBertConfig", pad_token_id=0, **ENCODER)), "last_hidden_state")
text("nystromformer", lambda: hf.NystromformerModel(config("NystromformerConfig", num_landmarks=4, segment_means_seq_len=8, **ENCODER)), "last_hidden_state", sizes=(dict(batch=2, length=8), dict(batch=1, length=8)))
text("gpt2", causal(lambda: hf.GPT2LMHeadModel(config("GPT2Config", vocab_size=200, n_embd=48, n_layer=2, n_head=4, n_positions=64))), "logits")
text("gpt_neo", causal(lambda: hf.GPTNeoForCausalLM(config("GPTNeoConfig", vocab_size=200, hidden_size=48, num_layers=2, num_heads=4, attention_types=[[["global", "local"], 1]], max_position_embeddings=64))), "logits")
text("gptj", causal(lambda: hf.GPTJForCausalLM(config("GPTJConfig", vocab_size=200, n_embd=48, n_layer=2, n_head=4, rotary_dim=4, n_positions=64))), "logits")
text("opt", causal(lambda: hf.OPTForCausalLM(config("OPTConfig", vocab_size=200, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, ffn_dim=96, word_embed_proj_dim=48, max_position_embeddings=64))), "logits")
text("bloom", causal(lambda: hf.BloomForCausalLM(config("BloomConfig", vocab_size=200, hidden_size=48, n_layer=2, n_head=4))), "logits")
text("llama", causal(lambda: hf.LlamaForCausalLM(config("LlamaConfig", **DECODER))), "logits")
text("mistral", causal(lambda: hf.MistralForCausalLM(config("MistralConfig", sliding_window=8, **DECODER))), "logits")
text("qwen2", causal(lambda: hf.Qwen2ForCausalLM(config("Qwen2Config", **DECODER))), "logits")
text("qwen3", causal(lambda: hf.Qwen3ForCausalLM(config("Qwen3Config", head_dim=12, **DECODER))), "logits")
text("gemma", causal(lambda: hf.GemmaForCausalLM(config("GemmaConfig", head_dim=12, **DECODER))), "logits")
text("phi", causal(lambda: hf.PhiForCausalLM(config("PhiConfig", **DECODER))), "logits")
text("falcon", causal(lambda: hf.FalconForCausalLM(config("FalconConfig", vocab_size=200, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, alibi=False))), "logits")
text("mamba", causal(lambda: hf.MambaForCausalLM(config("MambaConfig", vocab_size=200, hidden_size=32, state_size=8, num_hidden_layers=2, intermediate_size=64))), "logits", sizes=(dict(batch=2, length=6), dict(batch=1, length=6)))
text("xlnet", lambda: hf.XLNetModel(config("XLNetConfig", vocab_size=200, d_model=48, n_layer=2, n_head=4, d_inner=96)), "last_hidden_state")
text("funnel", lambda: hf.FunnelBaseModel(config("FunnelConfig", vocab_size=200, block_sizes=[1, 1], d_model=48, n_head=4, d_head=12, d_inner=96)), "last_hidden_state", sizes=(dict(batch=2, length=8), dict(batch=1, length=12)))


class Gpt2WithPast(torch.nn.Module):
    """One step of decoding: keys and values of the past come in and go out."""

    def __init__(self):
        super().__init__()
        self.net = hf.GPT2LMHeadModel(config("GPT2Config", vocab_size=200, n_embd=48, n_layer=2, n_head=4, n_positions=64))

    def forward(self, input_ids, attention_mask, k0, v0, k1, v1):
        cache = hf.DynamicCache()
        cache.update(k0, v0, 0)
        cache.update(k1, v1, 1)
        result = self.net(input_ids=input_ids, attention_mask=attention_mask, past_key_values=cache, use_cache=True)
        kept = result.past_key_values
        return result.logits, kept.layers[0].keys, kept.layers[0].values, kept.layers[1].keys, kept.layers[1].values


def past_inputs(batch, length, past):
    cache = {n: torch.randn(batch, 4, past, 12) for n in ("k0", "v0", "k1", "v1")}
    return dict(input_ids=torch.randint(0, 200, (batch, length)), attention_mask=torch.ones(batch, past + length, dtype=torch.int64), **cache)


add("hf_gpt2_past", lambda: Gpt2WithPast(), past_inputs, outputs=5,
    dynamic=dict(input_ids={0: "batch", 1: "length"}, attention_mask={0: "batch", 1: "total"}, **{n: {0: "batch", 2: "past"} for n in ("k0", "v0", "k1", "v1")}),
    sizes=(dict(batch=2, length=3, past=5), dict(batch=1, length=2, past=9)))


def pixels(batch, side=32):
    return dict(pixel_values=torch.randn(batch, 3, side, side))


def vision(name, make, output, side=32, **fields):
    add("hf_" + name, lambda: Wrap(make(), ("pixel_values",), output if isinstance(output, tuple) else (output,)), lambda batch: pixels(batch, side),
        **{**dict(dynamic=dict(pixel_values={0: "batch"}), sizes=(dict(batch=2), dict(batch=3)), outputs=len(output) if isinstance(output, tuple) else 1), **fields})


VIT = dict(hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, image_size=32, patch_size=8)
vision("vit", lambda: hf.ViTModel(config("ViTConfig", **VIT)), "last_hidden_state")
vision("deit", lambda: hf.DeiTModel(config("DeiTConfig", **VIT)), "last_hidden_state")
vision("dinov2", lambda: hf.Dinov2Model(config("Dinov2Config", hidden_size=48, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8)), "last_hidden_state")
vision("beit", lambda: hf.BeitModel(config("BeitConfig", **VIT)), "last_hidden_state")
vision("segformer", lambda: hf.SegformerForSemanticSegmentation(config("SegformerConfig", depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 32, 48], decoder_hidden_size=32)), "logits", side=64)
vision("swin", lambda: hf.SwinModel(config("SwinConfig", image_size=32, patch_size=2, embed_dim=24, depths=[1, 1], num_heads=[2, 4], window_size=4)), "last_hidden_state")
vision("convnext", lambda: hf.ConvNextModel(config("ConvNextConfig", hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1])), "last_hidden_state")
vision("mobilevit", lambda: hf.MobileViTModel(config("MobileViTConfig", image_size=64, hidden_sizes=[32, 48, 64], neck_hidden_sizes=[8, 16, 24, 32, 48, 64, 80])), "last_hidden_state", side=64)
vision("regnet", lambda: hf.RegNetModel(config("RegNetConfig", embedding_size=16, hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1], groups_width=8)), "last_hidden_state", side=64)
vision("yolos", lambda: hf.YolosForObjectDetection(config("YolosConfig", hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, image_size=[32, 32], patch_size=8, num_detection_tokens=10)), ("logits", "pred_boxes"))
vision("dpt", lambda: hf.DPTForDepthEstimation(config("DPTConfig", hidden_size=48, num_hidden_layers=4, num_attention_heads=4, intermediate_size=96, image_size=32, patch_size=8, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[16, 24, 32, 48], fusion_hidden_size=16)), "predicted_depth")
vision("glpn", lambda: hf.GLPNForDepthEstimation(config("GLPNConfig", depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 4, 4], hidden_sizes=[16, 32, 32, 48], decoder_hidden_size=16)), "predicted_depth", side=64)
vision("swin2sr", lambda: hf.Swin2SRForImageSuperResolution(config("Swin2SRConfig", image_size=32, embed_dim=24, depths=[2], num_heads=[2], window_size=8)), "reconstruction")
vision("detr", lambda: hf.DetrForObjectDetection(config("DetrConfig", use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, backbone_config=hf.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1], layer_type="basic", out_features=["stage4"]), d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, num_queries=10)), ("logits", "pred_boxes"), side=64)


class Clip(torch.nn.Module):
    def __init__(self):
        super().__init__()
        text_part = dict(vocab_size=200, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, max_position_embeddings=32, eos_token_id=199)
        made = hf.CLIPConfig(text_config=text_part, vision_config=VIT, projection_dim=32)
        made._attn_implementation = "eager"
        made.text_config._attn_implementation = made.vision_config._attn_implementation = "eager"
        self.net = hf.CLIPModel(made)

    def forward(self, input_ids, attention_mask, pixel_values):
        result = self.net(input_ids=input_ids, attention_mask=attention_mask, pixel_values=pixel_values)
        return result.logits_per_image, result.text_embeds


add("hf_clip", lambda: Clip(), lambda batch, length: dict(**tokens(batch, length), **pixels(batch)), outputs=2,
    dynamic=dict(**TOKENS, pixel_values={0: "batch"}), sizes=SIZES)


def speech(name, make, output="last_hidden_state"):
    add("hf_" + name, lambda: Wrap(make(), ("input_values",), (output,)), lambda batch, samples: dict(input_values=torch.randn(batch, samples)),
        dynamic=dict(input_values={0: "batch", 1: "samples"}), sizes=(dict(batch=2, samples=2000), dict(batch=1, samples=3200)))


SPEECH = dict(vocab_size=30, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, conv_dim=(32,) * 7,
              num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
speech("wav2vec2", lambda: hf.Wav2Vec2ForCTC(config("Wav2Vec2Config", **SPEECH)), "logits")
speech("hubert", lambda: hf.HubertModel(config("HubertConfig", **SPEECH)))


class WhisperEncoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = whisper().model.encoder

    def forward(self, features):
        return self.net(features).last_hidden_state


class WhisperDecoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = whisper()

    def forward(self, decoder_input_ids, encoder_hidden_states):
        hidden = self.net.model.decoder(input_ids=decoder_input_ids, encoder_hidden_states=encoder_hidden_states, use_cache=False).last_hidden_state
        return self.net.proj_out(hidden)


def whisper():
    return hf.WhisperForConditionalGeneration(config("WhisperConfig", vocab_size=200, num_mel_bins=20, d_model=48, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=96, decoder_ffn_dim=96, max_source_positions=50, max_target_positions=32, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1))


add("hf_whisper_encoder", lambda: WhisperEncoder(), lambda batch: dict(features=torch.randn(batch, 20, 100)), dynamic=dict(features={0: "batch"}), sizes=(dict(batch=2), dict(batch=1)))
add("hf_whisper_decoder", lambda: WhisperDecoder(), lambda batch, length: dict(decoder_input_ids=torch.randint(0, 200, (batch, length)), encoder_hidden_states=torch.randn(batch, 50, 48)),
    dynamic=dict(decoder_input_ids={0: "batch", 1: "length"}, encoder_hidden_states={0: "batch"}), sizes=SIZES)


class T5(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = hf.T5ForConditionalGeneration(config("T5Config", vocab_size=200, d_model=48, d_kv=12, d_ff=96, num_layers=2, num_heads=4))

    def forward(self, input_ids, attention_mask, decoder_input_ids):
        return self.net(input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids, use_cache=False).logits


class Bart(T5):
    def __init__(self):
        torch.nn.Module.__init__(self)
        self.net = hf.BartForConditionalGeneration(config("BartConfig", vocab_size=200, d_model=48, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=96, decoder_ffn_dim=96, max_position_embeddings=64))


def pair(batch, length, target):
    return dict(**tokens(batch, length), decoder_input_ids=torch.randint(0, 200, (batch, target)))


for name, kind in (("t5", T5), ("bart", Bart)):
    add("hf_" + name, lambda kind=kind: kind(), pair, dynamic=dict(**TOKENS, decoder_input_ids={0: "batch", 1: "target"}),
        sizes=(dict(batch=2, length=7, target=3), dict(batch=1, length=11, target=5)))
