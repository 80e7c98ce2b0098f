# long tones in rooms
use_bpm 45
use_synth :hollow
with_fx :reverb, room: 1, mix: 0.6 do
  live_loop :pad do
    play chord(:d3, [:m7, :m9, :sus4].choose, num_octaves: 2).choose, attack: 1, release: 2, amp: 0.4
    sleep [0.5, 1, 1.5].choose
  end
  live_loop :bells do
    with_fx :ping_pong, phase: 0.375 do |echo|
      b = synth :pretty_bell, note: scale(:d5, :minor).pick.first, amp: rrand(0.05, 0.1), pan: rdist(0.5)
      control echo, feedback: rrand(0.4, 0.6)
      control b, amp: 0
      sleep rrand(0.4, 0.8, step: 0.1)
    end
  end
end
