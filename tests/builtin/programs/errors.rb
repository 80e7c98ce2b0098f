# a thread that fails does not stop the others
in_thread do
  sleep 0.1
  play 60
  nothing_of_this_name
end
in_thread do
  loop do
    play 61
  end
end
in_thread do
  play :nonsense
end
in_thread { synth :no_such_synth }
in_thread { with_fx(:no_such_effect) { play 1 } }
in_thread do
  with_fx :reverb do
    play 65
    raise ArgumentError, "by intention"
  end
end
sleep 0.2
play 70
play 1 / 0
