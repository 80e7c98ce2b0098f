# effects and what sounds in them, begun before the effect that they are in
sleep 1
with_fx :echo, phase: 0.5, decay: 1 do
  time_warp(-0.25) do
    with_fx :reverb, room: 0.2 do
      play 60, release: 0.1
    end
    play 64, release: 0.1
  end
  time_warp 0.5 do
    with_fx :tanh do
      time_warp(-0.4) { play 72, release: 0.1 }
      sample :elec_blip
    end
  end
  sleep 0.5
end
with_fx :reverb, room: 0.1 do |fx|
  with_fx :lpf, cutoff: 90 do
    time_warp([-0.4, -0.25, 0.25], [67, 69, 71]) { |note| synth :tri, note: note, release: 0.1 }
    control fx, mix: 0.2
  end
end
