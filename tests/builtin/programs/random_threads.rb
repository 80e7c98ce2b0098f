# each thread has a stream of its own, as its parent's says
use_random_seed 77
3.times { |n| in_thread { puts [n, rand, rand_i(100)]; in_thread { puts [n, :inner, rand] } } }
puts rand
sleep 0.1
in_thread { 20.times { puts (1..25).map { rand }; sleep 0.01 } }
with_random_seed 5 do
  in_thread { puts [:five, rand] }
  puts rand
end
sleep 0.1
use_random_seed 9
in_thread { puts [:nine, rand]; use_random_seed 1; puts rand }
in_thread(seed: 3) { puts [:three, rand] }
live_loop(:seeded, seed: 11) { puts [:loop, rand]; sleep 0.5; stop if vt > 1 }
live_loop(:unseeded) { puts [:other, rand, [1, 2, 3, 4].shuffle]; sleep 0.5; stop if vt > 1 }
at([0.1, 0.2]) { puts [:at, rand] }
