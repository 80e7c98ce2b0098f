# every effect, at another tempo
use_bpm 100
[:autotuner, :band_eq, :bitcrusher, :bpf, :compressor, :distortion, :echo, :eq, :flanger, :gverb, :hpf,
 :ixi_techno, :krush, :level, :lpf, :mono, :nbpf, :nhpf, :nlpf, :normaliser, :nrbpf, :nrhpf, :nrlpf, :octaver,
 :pan, :panslicer, :ping_pong, :pitch_shift, :rbpf, :reverb, :rhpf, :ring_mod, :rlpf, :slicer, :tanh, :tremolo,
 :vowel, :whammy, :wobble].each_with_index do |name, n|
  with_fx name, amp: 0.5 do
    play 50 + n, release: 0.1, amp: 0.05
  end
  sleep 0.08
end
