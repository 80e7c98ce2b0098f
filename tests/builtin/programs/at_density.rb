# threads of a denser time
use_bpm 60
density 4 do
  play 60
  at [0, 0.5] do
    play 61
  end
  in_thread do
    play 62, release: 1
    sleep 1
    play 63
  end
  sleep 1
end
with_fx :echo, phase: 0.5 do
  density 2 do
    play 64, release: 1
    sleep 0.5
  end
end
