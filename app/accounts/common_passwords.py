"""What French people type when asked for a password, folded. Short on purpose: zxcvbn knows the rest of the world."""

from __future__ import annotations

_PHRASES = """
azertyuiop azertyuiopq azertyuiopqsdfghjklm azertyuiopqsdfgh azerty azertyazerty qsdfghjklm wxcvbn azeqsdwxc
aqwzsxedc aqwzsx motdepasse monmotdepasse lemotdepasse nouveaumotdepasse motdepassefacile changezmoi changemoi
motdepasseportail bonjour bonjourbonjour bonjourmonde bonsoir coucou coucoucoucou salutsalut bienvenue bienvenuechezmoi
jetaime jetaimemonamour jetaimetrop jetaimefort jetadore moncoeur monamour monamourpourtoujours amouramour
monbebe monbebedamour mapuce mapucemapuce mesenfants mesenfantsdamour mafamille lafamille famillefamille
portailfamille portailcitoyen espacefamille cantinescolaire periscolaire inscriptionecole mairiemairie
soleil soleilsoleil chocolat chocolatchocolat doudou doudoudoudou loulou louloulou chouchou chouchouchou marmotte
nounours princesse papillon coccinelle libellule vanille caramel pistache framboise fraisetagada nutella
marseille olympiquedemarseille allezlom parissaintgermain allezlesbleus championsdumonde zidane platini
jesuiscontent jesuislemeilleur vivelafrance libertegalitefraternite libertefraternite cocorico
administrateur utilisateur internet ordinateur facebook instagram password passwordpassword iloveyou
qwertyuiop qwertyqwerty abcdefghijkl abcdefghijklm abcdabcdabcd aaaaaaaaaaaa 123456789012 1234567890123 123123123123
121212121212 000000000000 111111111111 012345678910 123456789123 987654321098 azerty123456 motdepasse123
"""

_WORDS = """
azerty azertyuiop qsdfgh wxcvbn motdepasse mot passe bonjour bonsoir coucou salut soleil amour bebe maman papa papy
mamie famille enfant enfants ecole cantine mairie portail citoyen periscolaire inscription garderie creche maternelle
maison jardin voiture chien chat minou chaton cheval lapin poisson oiseau tortue chocolat gateau bonbon vanille caramel
fraise framboise pomme banane orange citron doudou nounours loulou loulous chouchou louloute puce princesse prince
ange etoile lune ciel mer plage vacances montagne neige noel anniversaire janvier fevrier mars avril mai juin juillet
aout septembre octobre novembre decembre lundi mardi mercredi jeudi vendredi samedi dimanche printemps automne hiver
rouge vert bleu jaune rose violet noir blanc paris lyon marseille toulouse bordeaux lille nantes strasbourg rennes
france bretagne normandie football rugby tennis olympique champion nicolas julien thomas alexandre kevin romain maxime
antoine mathieu julie camille marie marine pauline laura sarah manon chloe emma lea louise jade lucas hugo louis
gabriel raphael arthur jules adam nathan enzo leo tom lola lina ines zoe alice anna lena charlotte caroline sandrine
isabelle nathalie sylvie valerie stephanie celine virginie christine catherine philippe laurent stephane christophe
frederic david olivier patrick pascal michel pierre jean jacques bernard alain marcel durand dupont martin petit
"""

COMMON_PASSWORDS = frozenset(phrase.lower() for phrase in _PHRASES.split())
FRENCH_WORDS = tuple(dict.fromkeys(_WORDS.split()))
